// Makes a piece of the page look like the server's newer version of it, and touches nothing that is the same: so the focus
// stays where it is, text stays selected, what was unfolded stays unfolded, and nothing jumps.

/** Makes `old` what `fresh` is. Elements with an id are recognised by it, wherever they have moved to. */
export function become(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // Whether something is unfolded is the reader's affair.
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
  }
  becomeInside(old, fresh);
}

/** The same for what is inside of the two. */
export function becomeInside(old, fresh) {
  // What is gone goes first. In the way of what stands behind it, it would have that drawn anew, focus and all.
  const ids = new Set([...fresh.children].map(({ id }) => id));
  for (const child of [...old.children]) if (child.id && !ids.has(child.id)) child.remove();
  let next = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const match = counterpart(old, next, wanted);
    if (!match) {
      old.insertBefore(wanted, next);
      continue;
    }
    // Spaces that were left over go as well, before something is moved for them: what is moved loses the focus.
    while (next !== match && next?.nodeType === Node.TEXT_NODE) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
    become(match, wanted);
    if (match === next) next = next.nextSibling;
    else old.insertBefore(match, next);
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

function counterpart(parent, next, wanted) {
  if (wanted.id) {
    return [...parent.children].find((child) => child.id === wanted.id && child.nodeName === wanted.nodeName);
  }
  return next && !next.id && next.nodeType === wanted.nodeType && next.nodeName === wanted.nodeName ? next : undefined;
}
