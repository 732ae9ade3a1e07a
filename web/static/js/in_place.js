// What a page says may become old while somebody reads it: the token was renewed, its life is over. Then the page is asked
// for again and those pieces that said so of themselves (`data-in-place`, with an id) are put in place of the old ones.
// No field that somebody types into is in such a piece, so nothing typed is lost.

import { become } from "./become.js";

/** Brings the pieces up to date. If the page cannot be had they stay as they are. */
export async function refreshInPlace() {
  const pieces = [...document.querySelectorAll("[data-in-place][id]")];
  if (!pieces.length) return;
  try {
    // A redirect leads to another page, which has other pieces.
    const reply = await fetch(location.pathname + location.search, { cache: "no-store", redirect: "error" });
    if (!reply.ok) return;
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    for (const piece of pieces) {
      const fresh = page.getElementById(piece.id);
      if (fresh) become(piece, document.importNode(fresh, true));
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
