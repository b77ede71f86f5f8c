// Draws the cells of a class map over the photo that a picture on the page has brought, and beside them the one that
// the pointer or the keyboard is at.

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function build(parent) {
  const root = element("div", "grid-and-cell");
  const left = element("div", "");
  const parts = {
    title: element("div", "title"),
    frame: element("div", "frame"),
    cells: element("div", "cells"),
    cell: element("div", "readout"),
    current: null,
  };
  parts.photo = new Image();
  parts.photo.alt = "";
  parts.cells.setAttribute("role", "grid");
  parts.cell.setAttribute("aria-live", "polite");
  parts.frame.append(parts.photo, parts.cells);
  left.append(parts.title, parts.frame);
  root.append(left, parts.cell);
  const holder = element("div", "holder");
  holder.append(root);
  parent.append(holder);
  return parts;
}

function place(data, index) {
  return `Row ${Math.floor(index / data.columns) + 1}, column ${(index % data.columns) + 1}`;
}

function partsTable(data, index) {
  const table = element("table", "");
  for (const [k, added, share] of data.cells[index].parts) {
    const row = table.insertRow();
    row.append(element("th", "", `Feature map ${k}`));
    row.firstChild.scope = "row";
    const bar = element("div", share < 0 ? "bar against" : "bar");
    bar.style.width = `${100 * Math.abs(share)}%`;
    const size = element("td", "size");
    size.append(bar);
    row.append(size, element("td", "", added));
  }
  return table;
}

function show({ parts, data }, index) {
  for (const cell of parts.cells.querySelectorAll(".shown")) cell.classList.remove("shown");
  parts.nodes[index].classList.add("shown");
  parts.cell.replaceChildren(
    element("div", "place", place(data, index)),
    element("div", "value", data.cells[index].value),
    element("p", "made", `is the sum of ${data.maps} feature maps. The strongest here:`),
    partsTable(data, index),
  );
}

// One cell is in the order of the Tab key: the one that is chosen.
function choose(mount, index, focus) {
  const { parts } = mount;
  parts.nodes.forEach((node, i) => {
    node.tabIndex = i === index ? 0 : -1;
    node.setAttribute("aria-selected", String(i === index));
  });
  parts.current = index;
  show(mount, index);
  if (focus) parts.nodes[index].focus();
}

function fill(mount) {
  const { parts, data } = mount;
  const rows = [];
  parts.nodes = data.cells.map((cell, index) => {
    if (index % data.columns === 0) rows.push(element("div", "row"));
    const node = element("div", "cell");
    node.setAttribute("role", "gridcell");
    node.setAttribute("aria-label", `${place(data, index)}: ${cell.value}`);
    node.style.setProperty("--color", cell.color);
    node.addEventListener("pointerenter", () => show(mount, index));
    node.addEventListener("focus", () => {
      mount.parts.picked = true;
      choose(mount, index, false);
    });
    rows.at(-1).append(node);
    return node;
  });
  rows.forEach((row) => row.setAttribute("role", "row"));
  parts.cells.replaceChildren(...rows);
  parts.cells.style.gridTemplateColumns = `repeat(${data.columns}, 1fr)`;
  parts.cells.style.gridTemplateRows = `repeat(${rows.length}, 1fr)`;
  parts.cells.setAttribute("aria-label", `Evidence for ${data.label}, ${rows.length} rows of ${data.columns} cells`);
  parts.cells.onpointerleave = () => show(mount, parts.current);
  parts.cells.onkeydown = (event) => move(event, mount, rows.length);
}

function move(event, mount, rows) {
  const { columns } = mount.data;
  const column = mount.parts.current % columns;
  const row = Math.floor(mount.parts.current / columns);
  const ends = { Home: [0, -column], End: [0, columns - 1 - column] };
  const step = STEPS[event.key] ?? ends[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const inside = (value, count) => Math.min(Math.max(value, 0), count - 1);
  choose(mount, inside(row + step[0], rows) * columns + inside(column + step[1], columns), true);
}

function takePhoto({ parts, data }) {
  const uri = photos.get(data.id);
  if (!uri || parts.photo.dataset.id === data.id) return;
  parts.photo.src = uri;
  parts.photo.dataset.id = data.id;
}

function showLast(mount) {
  const { parts, data } = mount;
  parts.title.textContent = `${data.columns} × ${data.cells.length / data.columns} cells`;
  parts.frame.style.aspectRatio = `${data.width} / ${data.height}`;
  parts.frame.style.maxWidth = `calc(max(44vh, 16rem) * ${data.width / data.height})`;
  const state = JSON.stringify([data.id, data.label, data.cells]);
  if (parts.state !== state) {
    // A cell that a visitor has picked stays when the class changes; which cell is shown at first is told by the class.
    const kept = parts.picked && parts.photoId === data.id && parts.nodes?.length === data.cells.length;
    parts.picked = kept;
    fill(mount);
    choose(mount, kept ? parts.current : data.start, false);
    Object.assign(parts, { state, photoId: data.id });
  }
  takePhoto(mount);
}

export default component({ build, show: showLast, listen: (mount) => listenToPhotos(() => takePhoto(mount)) });
