// A store that is down comes back, and whoever waits for it should not have to try. While a page says that something does not
// answer, the program is asked now and then whether it is ready; when it is, the page says so and offers to go on.
//
// Rejected: reloading by itself. Somebody may be reading, or have a screen reader in the middle of a sentence; nothing moves
// unasked.

const BETWEEN = 2_000;
/** How long an answer is waited for. */
const PATIENCE = 5_000;
/** After so many tries somebody has left their desk; the link to try again is there. */
const MOST_TRIES = 300;

/** Says in `place`, a live region, when the program is ready again, with a link to where `data-when-back` says. */
export async function sayWhenBack(place) {
  for (let tries = 0; tries < MOST_TRIES; ) {
    await new Promise((resolve) => setTimeout(resolve, BETWEEN));
    if (document.hidden) continue;
    tries += 1;
    if (!(await isReady())) continue;
    const link = document.createElement("a");
    link.href = place.dataset.whenBack;
    link.textContent = "Go on";
    place.append("It answers again. ", link);
    return;
  }
}

async function isReady() {
  try {
    const reply = await fetch("/health/ready", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    return reply.ok;
  } catch {
    return false;
  }
}
