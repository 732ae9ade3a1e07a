// A button that copies what stands before it, and says so. Without scripts the style sheet hides it.

/** Lets the buttons marked `data-copy` work, also those that are drawn later. */
export function copyOnPress() {
  document.documentElement.dataset.scripts = "";
  const told = document.createElement("p");
  told.className = "unseen";
  told.setAttribute("role", "status");
  document.querySelector("footer")?.append(told);
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest?.("[data-copy]");
    if (!button) return;
    const say = (words) => (button.textContent = told.textContent = words);
    try {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent.trim());
      say("Copied");
    } catch {
      // Without TLS, or without the reader's permission, a page may not write to the clipboard.
      say("Not copied: select the text");
    }
    setTimeout(() => {
      button.textContent = "Copy";
      told.textContent = "";
    }, 3_000);
  });
}
