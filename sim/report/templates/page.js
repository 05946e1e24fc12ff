// Hovering over or focusing a block shows what the tables below say of it.
const panel = document.getElementById("detail");

function add(parent, tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}

function show(block) {
  const node = block.dataset.node;
  // On the other side of the page, so that it does not cover the block.
  panel.classList.toggle("left", block.getBoundingClientRect().left * 2 > window.innerWidth);
  panel.replaceChildren();
  add(panel, "h2", node);
  const list = add(panel, "dl", "");
  const seen = new Set();
  for (const row of document.querySelectorAll("tr[data-node]")) {
    if (row.dataset.node !== node) continue;
    const heads = row.closest("table").tHead.rows[0].cells;
    Array.from(row.cells).slice(1).forEach((cell, i) => {
      const name = heads[i + 1].textContent;
      const value = cell.textContent.trim();
      if (!value || seen.has(name)) return;
      seen.add(name);
      add(list, "dt", name);
      add(list, "dd", value);
    });
  }
  panel.hidden = false;
}

for (const block of document.querySelectorAll("a[data-node]")) {
  for (const event of ["mouseenter", "focus"]) block.addEventListener(event, () => show(block));
  for (const event of ["mouseleave", "blur"]) block.addEventListener(event, () => { panel.hidden = true; });
}
