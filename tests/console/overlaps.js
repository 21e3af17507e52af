// The texts and fields that lie on each other, as far as they are seen: pairs of what they begin with.
() => {
  const clipped = (box, element) => {
    let { left, right, top, bottom } = box;
    for (let each = element; each; each = each.parentElement) {
      const style = getComputedStyle(each);
      if (style.position === "fixed" || style.clipPath !== "none") return null;
      if (style.overflow === "visible") continue;
      const outer = each.getBoundingClientRect();
      [left, right] = [Math.max(left, outer.left), Math.min(right, outer.right)];
      [top, bottom] = [Math.max(top, outer.top), Math.min(bottom, outer.bottom)];
    }
    return right - left > 2 && bottom - top > 4 ? { left, right, top, bottom } : null;
  };
  const found = [];
  const add = (boxes, element, name, node) => {
    if (element.closest("option, .skip, svg") || !element.checkVisibility({ visibilityProperty: true })) return;
    for (const box of boxes) {
      const seen = clipped(box, element);
      if (seen) found.push({ ...seen, node, name: name.trim().slice(0, 40) });
    }
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    if (!node.data.trim()) continue;
    range.selectNodeContents(node);
    add(range.getClientRects(), node.parentElement, node.data, node);
  }
  for (const each of document.querySelectorAll("input, select, textarea")) add([each.getBoundingClientRect()], each, each.id || each.name, each);
  found.sort((a, b) => a.top - b.top);
  const overlaps = [];
  found.forEach((one, at) => {
    for (const other of found.slice(at + 1)) {
      if (other.top >= one.bottom - 3) break;
      // A text that is cut has a second box, as long as all of it.
      if (other.node === one.node) continue;
      if (Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2) overlaps.push(`${one.name} / ${other.name}`);
    }
  });
  return overlaps;
}
