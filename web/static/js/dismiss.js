// What shows itself beside a word or a button while that is pointed at or has the focus goes away with Escape, until the
// pointer or the focus has left it.

const PLACES = ".term, .may form";

export function dismissOnEscape() {
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    const shown = [...document.querySelectorAll(PLACES)].filter((place) => place.matches(":hover, :focus-within"));
    shown.forEach((place) => place.classList.add("dismissed"));
  });
  for (const left of ["mouseout", "focusout"]) {
    document.addEventListener(left, ({ target, relatedTarget }) => {
      const place = target.closest(".dismissed");
      if (place && !place.contains(relatedTarget)) place.classList.remove("dismissed");
    });
  }
}
