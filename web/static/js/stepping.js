// A page that one goes through step by step: pressing a button or walking to another step puts the server's new page in
// place of the old one. Nothing jumps, the focus stays on the button, and what happened is in a live region, which a screen
// reader says. Without this, each step is a form and a redirect.

import { become } from "./become.js";

const PRESSED = "rescind-pressed";
/** What is asked of the server is never asked twice at once. */
let busy = false;

/** Lets the forms and links of `place` that are marked `data-step` work in place. */
export function stepInPlace(place) {
  place.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-step]")) return;
    event.preventDefault();
    // Not `form.action`: that is the button of this name.
    const to = event.target.getAttribute("action");
    const body = new URLSearchParams(new FormData(event.target, event.submitter));
    if (event.target.method === "get") step(place, `${to.split("#")[0]}?${body}`, {});
    else step(place, to, { method: "POST", body });
  });
  place.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-step]");
    const elsewhere = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || elsewhere) return;
    event.preventDefault();
    step(place, link.href, {});
  });
  walk(place);
}

/** Where the next step leads to a page of its own, a reader with a keyboard goes on there from the step after it. */
export function goOnByKeyboard() {
  if (sessionStorage.getItem(PRESSED)) document.getElementById("next")?.focus({ preventScroll: true });
  sessionStorage.removeItem(PRESSED);
  document.addEventListener("submit", ({ target, submitter }) => {
    const leads = target.matches(".next:not([data-step])") && submitter?.matches(":focus-visible");
    if (leads) sessionStorage.setItem(PRESSED, "yes");
  });
}

/** The arrow keys walk along the steps of the time line, and so does a pointer that is dragged over them. */
function walk(place) {
  const links = () => [...place.querySelectorAll(".scrub a")];
  const go = (link) => link && !link.hasAttribute("aria-current") && step(place, link.href, {});
  document.addEventListener("keydown", ({ key, target, altKey, ctrlKey, metaKey, shiftKey }) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (!by || altKey || ctrlKey || metaKey || shiftKey || target.closest("input, select, textarea")) return;
    // Of several time lines on a page, that with the focus.
    if ((target.closest("[data-stepping]") ?? document.querySelector("[data-stepping]")) !== place) return;
    const all = links();
    go(all[all.findIndex((link) => link.hasAttribute("aria-current")) + by]);
  });
  // A drag goes on wherever the pointer is: the line may move with a step.
  let dragging = false;
  let pointer;
  let followed;
  const follow = () => {
    if (!dragging || busy || pointer === followed) return;
    followed = pointer;
    go(links().findLast((link) => link.getBoundingClientRect().left <= pointer));
  };
  place.addEventListener("pointerdown", ({ target }) => {
    dragging = Boolean(target.closest(".scrub"));
    followed = undefined;
  });
  document.addEventListener("pointermove", ({ buttons, clientX }) => {
    dragging &&= buttons > 0;
    pointer = clientX;
    follow();
  });
  // The pointer may have gone on while a step was fetched.
  place.addEventListener("stepped", follow);
}

async function step(place, address, how) {
  if (busy) return;
  busy = true;
  place.setAttribute("aria-busy", "true");
  try {
    const reply = await fetch(address, { ...how, cache: "no-store" });
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const fresh = page.querySelector(place.id ? `#${place.id}` : "[data-stepping]");
    if (!fresh) throw new TypeError("another page");
    const here = document.activeElement?.id;
    become(place, document.importNode(fresh, true));
    document.title = page.title;
    if (reply.ok) history.replaceState(null, "", reply.url.split("#")[0]);
    // Some links are not there at an end: whoever walks by keyboard goes on from where the steps are.
    if (here && document.activeElement === document.body) place.querySelector(".walk a")?.focus({ preventScroll: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const told = place.querySelector("[role=status]");
    if (told) told.textContent = "The server did not answer. Load this page again to see how things stand.";
  } finally {
    busy = false;
    place.removeAttribute("aria-busy");
    place.dispatchEvent(new Event("stepped"));
  }
}
