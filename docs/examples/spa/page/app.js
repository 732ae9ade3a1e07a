// No token is in reach of this script: the browser keeps them in cookies.

const channel = new BroadcastChannel("session");
const at = (id) => document.getElementById(id);

function send(path, body) {
  const options = { credentials: "include" };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  return fetch(API + path, options);
}

// Every call goes through here: if the access token has expired, it is renewed, and the call is made again.
async function call(path, body) {
  const reply = await send(path, body);
  if (reply.status !== 401 || !(await renewed())) return reply;
  return send(path, body);
}

// One tab renews at a time; the others find its cookies. Two at once would do no harm: within the grace both get the same
// successor.
function renewed() {
  return navigator.locks.request("renew", async () => {
    if ((await send("/api/me")).ok) return true;
    return (await send("/api/refresh", {})).ok;
  });
}

function show(name) {
  at("status").textContent = name ? `You are ${name}.` : "You are logged out.";
  at("login").hidden = Boolean(name);
  at("inside").hidden = !name;
}

async function who() {
  at("status").textContent = "Asking…";
  const reply = await call("/api/me");
  if (reply.ok) return show((await reply.json()).username);
  if (reply.status === 401) return show(null);
  // A 503 says nothing about the login: it stays, and the person tries again.
  at("status").textContent = "The server cannot answer now.";
}

at("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(event.target));
  delete fields.new;
  if (event.submitter.name === "new") {
    const made = await send("/api/users", fields);
    if (!made.ok) return (at("status").textContent = (await made.json()).detail);
  }
  const reply = await send("/session", fields);
  if (!reply.ok) return (at("status").textContent = (await reply.json()).detail);
  channel.postMessage("changed");
  who();
});

at("out").addEventListener("click", async () => {
  const reply = await send("/api/logout", {});
  // After a 503 the session may still be open: say so, and let the person repeat it.
  if (!reply.ok && reply.status !== 401) return (at("status").textContent = "Not logged out yet. Try again.");
  channel.postMessage("changed");
  show(null);
});

at("who").addEventListener("click", who);
channel.addEventListener("message", who);
who();
