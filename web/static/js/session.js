// What a script may know of the login, and how it asks: never a token, those stay in cookies that no script can read.
//
// A state is one of
//   { state: "live", sessionId, generation, issuedAt, expiresAt }   the access token is accepted
//   { state: "stale" }                                              it has run out; a refresh token may buy the next
//   { state: "ended" }                                              nobody is logged in here, or no longer
// Times are milliseconds of the server's clock. The generation counts renewals, and is missing where there are none. It
// tells that the cookies have changed since somebody last looked, and proves nothing.

// Shorter than the time (RESCIND_GRACE, 10 s) in which the server answers a repeated renewal with the same tokens:
// waiting longer for an answer that is lost would lose the chance to ask again.
const LONGEST_WAIT = 3_000;

/** No answer, or "not now". The reader knows as little as before. `wait`: how many milliseconds the server asks for. */
export class Unanswered extends Error {
  constructor(reason, wait = 0) {
    super(`no answer: ${reason}`);
    this.wait = wait;
  }
}

/** The three things that are asked of the server. */
export class SessionClient {
  #clock;

  constructor(clock) {
    this.#clock = clock;
  }

  /** What the server wrote into this page: for whom it was drawn. Nothing, if for anybody. */
  drawnFor(page = document) {
    const told = page.querySelector('meta[name="rescind-session"]')?.content;
    const [visit] = performance.getEntriesByType("navigation");
    return told && this.#understood(
      JSON.parse(told),
      performance.timeOrigin + visit.requestStart,
      performance.timeOrigin + visit.responseStart,
    );
  }

  /** What holds now. */
  async state() {
    const asked = Date.now();
    const { ok, status, wait, said } = await this.#ask("/session", "GET");
    if (!ok) throw new Unanswered(status, wait);
    return this.#understood(said, asked, Date.now());
  }

  /** Renews the tokens in the cookies: `{ renewed: state }` or `{ refused: code }`. */
  async renew() {
    const { ok, status, wait, said } = await this.#ask("/api/refresh", "POST");
    if (ok) {
      const now = this.#clock.now();
      const expiresAt = now + said.expires_in * 1000;
      return { renewed: { state: "live", sessionId: said.session_id, issuedAt: now, expiresAt } };
    }
    // Too many requests, or a server that cannot: not a word about the login.
    if (status === 429 || status >= 500) throw new Unanswered(status, wait);
    return { refused: said.code };
  }

  async #ask(path, method) {
    try {
      const reply = await fetch(path, {
        method,
        headers: { Accept: "application/json" },
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.timeout(LONGEST_WAIT),
      });
      const wait = 1000 * (Number(reply.headers.get("Retry-After")) || 0);
      return { ok: reply.ok, status: reply.status, wait, said: await reply.json() };
    } catch (error) {
      throw new Unanswered(error.message);
    }
  }

  #understood(told, asked, answered) {
    this.#clock.learn(Date.parse(told.now), asked, answered);
    if (told.state !== "live") return { state: told.state };
    return {
      state: "live",
      sessionId: told.session_id,
      generation: told.generation,
      issuedAt: Date.parse(told.issued_at),
      expiresAt: Date.parse(told.expires_at),
    };
  }
}
