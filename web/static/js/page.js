// What a page does with all this. Without JavaScript each page works as well: tokens are renewed on the way by the server,
// times stand still, and a link reloads the log.

import { ServerClock } from "./server_clock.js";
import { SessionClient } from "./session.js";
import { Renewal } from "./renewal.js";
import { renewingFetch } from "./renewing_fetch.js";
import { tickCountdowns } from "./countdown.js";
import { refreshInPlace } from "./in_place.js";
import { followLog } from "./live_log.js";
import { goOnByKeyboard, stepInPlace } from "./stepping.js";
import { sayWhenBack } from "./when_back.js";
import { copyOnPress } from "./copy.js";
import { dismissOnEscape } from "./dismiss.js";

const clock = new ServerClock();
const client = new SessionClient(clock);
const channel = new BroadcastChannel("rescind");

/** On the demo's stage only the reader's buttons refresh: the story must not change while somebody reads. */
const renews = !document.querySelector("[data-no-renewal]");
/** The renewal of this page. */
export const renewal = new Renewal({ client, clock, locks: navigator.locks, channel, renews });
/** `fetch`, with one renewal where it is needed. */
export const fetchRenewing = renewingFetch(renewal);

/** For whom the page was drawn, if not for anybody. */
const drawn = client.drawnFor();
// Wherever a logout or a login leads, a page is drawn for another than before. That is how the other tabs hear of it.
// Rejected: telling them when the button is pressed. They would look before the server has done it, and find nothing.
channel.postMessage({ drawnFor: drawn?.sessionId });

if (drawn) {
  renewal.start(drawn);
  keepPrivate(drawn);
  keepUpToDate(drawn);
}
tickCountdowns(clock, refreshInPlace);
document.querySelectorAll("[data-live]").forEach(followLog);
document.querySelectorAll("[data-stepping]").forEach(stepInPlace);
document.querySelectorAll("[data-when-back]").forEach(sayWhenBack);
goOnByKeyboard();
copyOnPress();
dismissOnEscape();

/** Leaves the page as soon as whom it was drawn for is logged out: nothing private stays on the screen. */
function keepPrivate(drawn) {
  renewal.addEventListener("state", ({ detail: state }) => {
    const another = state.state === "live" && state.sessionId !== drawn.sessionId;
    // Not `reload()`, which would send a form again. The server decides what there is to see for whoever it is now.
    if (state.state === "ended" || another) location.replace(location.pathname + location.search);
  });
  channel.addEventListener("message", ({ data }) => {
    if ("drawnFor" in data && data.drawnFor !== drawn.sessionId) renewal.look();
  });
  // Somebody comes back: to the tab, to a page out of the browser's memory, to the network, from a sleep.
  document.addEventListener("visibilitychange", () => document.hidden || renewal.look());
  window.addEventListener("pageshow", ({ persisted }) => persisted && renewal.look());
  window.addEventListener("online", () => renewal.look());
  renewal.addEventListener("refused", sayThatItEnded);
}

/** What the page says of the token follows the token. */
function keepUpToDate(drawn) {
  let shown = drawn.expiresAt;
  renewal.addEventListener("state", ({ detail: state }) => {
    // About the same is the same: what the reply to a renewal says is rounded.
    if (state.state !== "live" || document.hidden || Math.abs(state.expiresAt - shown) < 2_000) return;
    shown = state.expiresAt;
    refreshInPlace();
  });
}

/** The server will not renew. Nothing is taken away that somebody may be reading or writing; where to go is theirs to say. */
function sayThatItEnded() {
  if (document.getElementById("login-ended")) return;
  const notice = document.createElement("p");
  notice.id = "login-ended";
  notice.className = "notice";
  notice.setAttribute("role", "status");
  const link = document.createElement("a");
  link.href = location.pathname + location.search;
  link.textContent = "Go on from here";
  notice.append("This login has ended. ", link);
  document.getElementById("main")?.prepend(notice);
}
