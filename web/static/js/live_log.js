// The log of what happened, as it happens: server-sent events carry it drawn by the server, and here it is put in place.

import { becomeInside } from "./become.js";

/** How long it has to be quiet before a screen reader is told how much has come. */
const QUIET = 1_500;

/** Follows the event stream that `container` names in `data-live`. Without one the page has a link that reloads it. */
export function followLog(container) {
  const teller = document.createElement("p");
  teller.className = "unseen";
  teller.setAttribute("role", "status");
  container.after(teller);

  let stream;
  const open = () => {
    // By itself an event stream comes back from a lost connection, but not from an answer that is an error.
    if (stream && stream.readyState !== EventSource.CLOSED) return;
    stream = new EventSource(container.dataset.live);
    stream.addEventListener("log", ({ data }) => showLog(container, data, teller));
  };
  const close = () => {
    stream?.close();
    stream = undefined;
  };
  // A browser has six connections to a server that speaks HTTP/1.1. Hidden tabs must not use them up.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", () => document.hidden || open());
  if (!document.hidden) open();
}

let announcement;
let untold = 0;

function showLog(container, html, teller) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const known = new Set([...container.querySelectorAll("[id]")].map((entry) => entry.id));
  untold += [...fresh.content.querySelectorAll("li[id]")].filter((entry) => !known.has(entry.id)).length;
  becomeInside(container, fresh.content);

  clearTimeout(announcement);
  announcement = setTimeout(() => {
    if (untold) teller.textContent = untold === 1 ? "One more request in the log." : `${untold} more requests in the log.`;
    untold = 0;
  }, QUIET);
}
