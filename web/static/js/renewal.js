// The refresh that happens by itself: some time before the access token runs out, by one tab for all of them.
//
// All tabs share one pair of cookies, so one renewal serves them all, and five at once would be four too many. They
// take turns with a Web Lock. Whoever gets it asks once more what holds; if the generation is no longer the one that
// made it want to renew, another tab was faster and there is nothing left to do. Whoever renews tells the others.
//
// Nothing depends on the lock. Without it (an old browser, plain http on another machine) each tab renews at most once
// at a time, and the server gives tabs that come together the same successor (its grace). The lock saves requests.
//
// A tab that nobody looks at renews nothing: a forgotten one would keep its login alive for ever. It asks what holds when
// somebody comes back to it.

import { Unanswered } from "./session.js";

const LOCK = "rescind-renewal";
/** Renew when a quarter of the life is left, but not earlier than this. */
const AHEAD_AT_MOST = 30_000;
/** A tab that waits longer for its turn goes without: whoever holds the lock may be frozen. */
const TURN_AT_MOST = 15_000;
/** Where an answer is lost the server may have renewed all the same. Asked again it says the same again, but only for its
    grace, 10 s by default; what comes later looks like a thief. So: soon. */
const PAUSES_AFTER_A_LOST_ANSWER = [250, 500, 1_000];
const LONGEST_PAUSE = 60_000;
/** A timer may sleep with the laptop and wake up as late. None is set for longer, and each looks at the clock. */
const LONGEST_NAP = 10_000;

/**
 * Keeps the login of this page alive. It tells what it learns by events:
 * - `state` (detail: the state), whenever the server or another tab has said what holds;
 * - `refused` (detail: the code), when the server will not renew. It is asked no further until something changes. What
 *   becomes of the page is decided by whoever sits before it.
 */
export class Renewal extends EventTarget {
  #client;
  #renews;
  #clock;
  #locks;
  #channel;
  #timer;
  #flight;
  #refusedAt;
  #failures = 0;

  /**
   * `locks`: `navigator.locks`, or nothing where the browser has none. `renews`: whether this page renews, or only looks.
   */
  constructor({ client, clock, locks, channel, renews = true }) {
    super();
    this.#renews = renews;
    this.#client = client;
    this.#clock = clock;
    this.#locks = locks;
    this.#channel = channel;
    channel.addEventListener("message", ({ data }) => {
      if (data.renewed) this.#learn(data.renewed);
    });
  }

  /** Begins with the state that the page was drawn in. */
  start(state) {
    if (this.#isDue(state)) this.#lookIn(0);
    else this.#setTimer(state);
  }

  /**
   * Asks what holds, and renews if it is time to. Whoever asks while that is going on is answered together.
   * Resolves to the state, or to nothing if the server did not answer.
   */
  look() {
    this.#flight ??= this.#look().finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  async #look() {
    try {
      const seen = await this.#client.state();
      const holds = this.#wantsRenewal(seen)
        ? await this.#inTurn(() => this.#inSpiteOfLosses(() => this.#renewUnlessChanged(seen)))
        : seen;
      this.#failures = 0;
      this.#learn(holds);
      return holds;
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      this.#failures += 1;
      const pause = Math.min(1000 * 2 ** this.#failures, LONGEST_PAUSE);
      this.#lookIn(Math.max(pause, error.wait));
    }
  }

  async #renewUnlessChanged(seen) {
    const holds = await this.#client.state();
    // That the token has run out since is no change that another tab has made.
    const changed = holds.state === "live" && seen.state === "live" && holds.generation !== seen.generation;
    if (changed || !this.#wantsRenewal(holds)) return holds;
    const { renewed, refused } = await this.#client.renew();
    if (refused) {
      this.#refusedAt = holds;
      this.dispatchEvent(new CustomEvent("refused", { detail: refused }));
      return holds;
    }
    this.#channel.postMessage({ renewed });
    return renewed;
  }

  async #inTurn(work) {
    if (!this.#locks) return work();
    let begun = false;
    const begin = () => {
      begun = true;
      return work();
    };
    try {
      return await this.#locks.request(LOCK, { signal: AbortSignal.timeout(TURN_AT_MOST) }, begin);
    } catch (error) {
      if (begun) throw error;
      return work();
    }
  }

  async #inSpiteOfLosses(attempt) {
    for (const pause of PAUSES_AFTER_A_LOST_ANSWER) {
      try {
        return await attempt();
      } catch (error) {
        // The server that says how long to wait was heard.
        if (!(error instanceof Unanswered) || error.wait) throw error;
        await new Promise((done) => setTimeout(done, pause));
      }
    }
    return attempt();
  }

  #wantsRenewal(state) {
    const known = this.#refusedAt;
    const refused = known?.state === state.state && known.generation === state.generation;
    return this.#renews && !refused && (state.state === "stale" || this.#isDue(state));
  }

  #isDue(state) {
    // Where the policy has no refresh token there is no generation, and nothing to renew with.
    return this.#renews && state.state === "live" && state.generation !== null && this.#clock.now() >= state.expiresAt - ahead(state);
  }

  #learn(state) {
    this.#setTimer(state);
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  #setTimer(state) {
    clearTimeout(this.#timer);
    if (state.state !== "live") return;
    // Each tab at its own moment, so that the first is done before the second begins.
    const moment = state.expiresAt - ahead(state) * (1 - Math.random() / 2);
    // A token that is due as soon as it has come lives no longer than its session does. The next question is at its end.
    const due = !this.#renews || this.#isDue(state) || state.generation === null;
    this.#lookIn((due ? state.expiresAt : moment) - this.#clock.now());
  }

  #lookIn(milliseconds) {
    clearTimeout(this.#timer);
    const moment = Date.now() + milliseconds;
    const nap = () => {
      const left = Math.max(moment - Date.now(), 0);
      this.#timer = setTimeout(() => (left > LONGEST_NAP ? nap() : document.hidden || this.look()), Math.min(left, LONGEST_NAP));
    };
    nap();
  }
}

function ahead({ issuedAt, expiresAt }) {
  return Math.min((expiresAt - issuedAt) / 4, AHEAD_AT_MOST);
}
