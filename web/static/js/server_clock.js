// The server's time, as well as it can be known from here.
//
// When a token runs out is the server's to say, and it says so in its own time. This machine's clock may be minutes off,
// so each answer that carries the server's "now" is used to learn the difference. Nothing but comfort hangs on it:
// renewing at the wrong moment is renewing too early, or too late and then by the server's redirect.

export class ServerClock {
  #ahead = 0;

  /** The server said `now` between two readings of this machine's clock; all in milliseconds. */
  learn(now, asked, answered) {
    this.#ahead = now - (asked + answered) / 2;
  }

  now() {
    return Date.now() + this.#ahead;
  }
}
