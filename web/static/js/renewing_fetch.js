// `fetch` for whoever calls the API with cookies: an access token that has run out is renewed, and the call made again.
//
// Once. If the new token is refused too, then not because of its age, and a loop would never end. Only the one answer
// "token_expired" leads here: it is given before anything is done, so repeating is harmless, for a POST as well.

/** A function like `fetch`, which renews through `renewal` where it has to. */
export function renewingFetch(renewal) {
  return async (input, init) => {
    const request = new Request(input, init);
    // A body can be sent once; a copy has one of its own.
    const again = request.clone();
    const reply = await fetch(request);
    if (!(await hasExpired(reply))) return reply;
    const state = await renewal.look();
    return state?.state === "live" ? fetch(again) : reply;
  };
}

async function hasExpired(reply) {
  if (reply.status !== 401) return false;
  const problem = await reply.clone().json().catch(() => undefined);
  return problem?.code === "token_expired";
}
