// Makes the server's "43 s left" tick. The words are the server's; only the length of time in them is written anew.

const CLOCK = /\d+(?::\d\d)+/;
const UNITS = /\d+ (?:days?|h|min|s)(?: \d+ (?:h|min|s))?/;
const RUN_OUT = "run out";

/** Ticks each `<time data-countdown>` of the document, now and later ones. `onEnd` is called when one has reached its end. */
export function tickCountdowns(clock, onEnd) {
  const ended = new Set();
  const tick = () => {
    for (const time of document.querySelectorAll("time[data-countdown]")) {
      const end = Date.parse(time.dateTime);
      const left = Math.ceil((end - clock.now()) / 1000);
      showLeft(time, left);
      const bar = time.closest(".chip")?.querySelector("[data-life]");
      if (bar && bar.dataset.life > 0) bar.setAttribute("width", Math.max(0, Math.min(100, (left * 100) / bar.dataset.life)));
      if (left > 0) time.dataset.ticking = "";
      // Only what was seen to tick comes to an end here. What had ended before was drawn like that.
      if (left <= 0 && "ticking" in time.dataset && !ended.has(end)) {
        ended.add(end);
        onEnd();
      }
    }
    // Ends are whole seconds, so the words change with the server's second.
    setTimeout(tick, 1000 - (clock.now() % 1000));
  };
  tick();
}

function showLeft(time, left) {
  // Beside the words there may be the exact instant for screen readers, which stays.
  const words = time.firstChild;
  if (words?.nodeType !== Node.TEXT_NODE) return;
  let text = words.data;
  if (CLOCK.test(text)) text = text.replace(CLOCK, asClock(Math.max(left, 0)));
  else if (left <= 0) text = RUN_OUT;
  else text = text.replace(UNITS, asUnits(left));
  // Not even touched where nothing changes: screen readers would notice.
  if (text !== words.data) words.data = text;
}

// Both as `web/src/pages/times.rs` writes them.

function asClock(seconds) {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}

function asUnits(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const two = (first, rest, unit) => (rest ? `${first} ${rest} ${unit}` : first);
  if (minutes < 1) return `${seconds} s`;
  if (minutes < 10) return two(`${minutes} min`, seconds % 60, "s");
  if (hours < 1) return `${minutes} min`;
  if (days < 1) return two(`${hours} h`, minutes % 60, "min");
  return two(days === 1 ? "1 day" : `${days} days`, hours % 24, "h");
}
