// A photo with one rectangle on it, drawn with mouse, finger or keyboard. While it is drawn it lives in the browser
// alone; the page learns of it when the pointer or the key is released.

// A drag shorter than this, in CSS pixels, is a click; its square has this share of the photo's shorter side.
const CLICK = 5;
const SQUARE = 1 / 6;
// Shares of the photo: what one press of an arrow key moves, and the least width and height.
const STEP = 0.02;
const LEAST = 0.005;
// Steps of the photo's width or height that a rectangle is drawn in, finer than the pixels of any screen.
const FINEST = 10000;
const HINT = `Drag a box, or ${matchMedia("(pointer: coarse)").matches ? "tap" : "click"}`;
// On a screen as narrow as a phone's, what is above the photo is a screen long.
const NARROW = matchMedia("(max-width: 640px)");
const KEYS = "Arrow keys move the box, Shift and arrow keys change its size.";
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

const clip = (share) => Math.min(1, Math.max(0, share));

// From `a` to `b` in either direction, inside the photo and never empty.
function span(a, b) {
  const low = Math.min(clip(Math.min(a, b)), 1 - LEAST);
  return [low, Math.max(clip(Math.max(a, b)), low + LEAST)];
}

function between([x, y], [u, v]) {
  const [left, right] = span(x, u);
  const [top, bottom] = span(y, v);
  return [left, top, right, bottom];
}

function square([x, y], { width, height }) {
  const half = (SQUARE * Math.min(width, height)) / 2;
  return between([x - half / width, y - half / height], [x + half / width, y + half / height]);
}

function moved([left, top, right, bottom], [x, y]) {
  const dx = Math.min(1 - right, Math.max(-left, x));
  const dy = Math.min(1 - bottom, Math.max(-top, y));
  return [left + dx, top + dy, clip(right + dx), clip(bottom + dy)];
}

function resized([left, top, right, bottom], [x, y]) {
  return between([left, top], [Math.max(left + STEP, right + x), Math.max(top + STEP, bottom + y)]);
}

function build(parent) {
  const parts = {
    figure: element("figure", ""),
    label: element("figcaption", ""),
    frame: element("div", "frame"),
    photo: new Image(),
    box: element("div", "box"),
    below: element("div", "below"),
    said: element("div", "said"),
    rectangle: null,
    begun: false,
  };
  parts.photo.draggable = false;
  parts.said.setAttribute("aria-live", "polite");
  parts.frame.append(parts.photo, parts.box, element("div", "hint", HINT));
  parts.figure.append(parts.label, parts.frame, parts.below, parts.said);
  parent.append(parts.figure);
  bringBack(parts.figure);
  listenToPointer(parts);
  listenToKeys(parts);
  return parts;
}

// A new photo takes the place of one that is scrolled up by now, as far as the button below it, and the question too.
function bringBack(figure) {
  requestAnimationFrame(() => {
    const room = parseFloat(getComputedStyle(figure).scrollMarginTop);
    if (NARROW.matches && figure.getBoundingClientRect().top < room) figure.scrollIntoView({ block: "start" });
  });
}

// What is drawn is what is sent, and short enough for a link.
function show(parts, rectangle) {
  parts.rectangle = rectangle && rectangle.map((share) => Math.round(share * FINEST) / FINEST);
  parts.frame.classList.toggle("drawn", rectangle !== null);
  if (!rectangle) return;
  const [left, top, right, bottom] = parts.rectangle;
  parts.box.style.inset = `${100 * top}% ${100 * (1 - right)}% ${100 * (1 - bottom)}% ${100 * left}%`;
}

function send(parts) {
  const [left, top, right, bottom] = parts.rectangle.map((share) => `${Math.round(100 * share)} %`);
  parts.said.textContent = `Box from ${left} to ${right} of the width and from ${top} to ${bottom} of the height.`;
  parts.send(parts.rectangle);
}

function listenToPointer(parts) {
  const { frame } = parts;
  let start = null;
  let before = null;
  const place = (event) => {
    const area = frame.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  };
  const draw = (event) => {
    const far = Math.max(Math.abs(event.clientX - start.x), Math.abs(event.clientY - start.y));
    show(parts, far < CLICK ? square(start.place, parts.size) : between(start.place, place(event)));
  };
  frame.addEventListener("pointerdown", (event) => {
    if (parts.fixed || !event.isPrimary || event.button !== 0) return;
    before = parts.rectangle;
    start = { x: event.clientX, y: event.clientY, place: place(event) };
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (start && event.isPrimary) draw(event);
  });
  frame.addEventListener("pointerup", (event) => {
    if (!start || !event.isPrimary) return;
    draw(event);
    start = null;
    send(parts);
  });
  frame.addEventListener("pointercancel", (event) => {
    if (!start || !event.isPrimary) return;
    start = null;
    show(parts, before);
  });
}

function listenToKeys(parts) {
  const { frame } = parts;
  let unsent = false;
  frame.addEventListener("keydown", (event) => {
    const by = ARROWS[event.key];
    if (parts.fixed || !by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const change = event.shiftKey ? resized : moved;
    show(parts, parts.rectangle ? change(parts.rectangle, by) : square([0.5, 0.5], parts.size));
    unsent = true;
  });
  const release = () => {
    if (unsent) send(parts);
    unsent = false;
  };
  frame.addEventListener("keyup", (event) => {
    if (ARROWS[event.key]) release();
  });
  frame.addEventListener("blur", release);
}

// Assistive technology meets a place to draw on, or, where the rectangle is fixed, just the photo.
function setRole({ frame }, { fixed, label }) {
  frame.classList.toggle("fixed", fixed);
  if (fixed) {
    for (const name of ["role", "aria-label", "tabindex"]) frame.removeAttribute(name);
    return;
  }
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  frame.setAttribute("aria-label", `${label} ${KEYS}`);
}

function showLast({ parts, data, setStateValue }) {
  keep(data.id, data.uri);

  const { frame, photo } = parts;
  parts.size = data;
  parts.fixed = data.fixed;
  parts.send = (rectangle) => setStateValue("box", rectangle);
  parts.label.textContent = data.label;
  parts.below.textContent = data.below;
  setRole(parts, data);
  frame.style.aspectRatio = `${data.width} / ${data.height}`;
  frame.style.maxWidth = `calc(max(44vh, 16rem) * ${data.width / data.height})`;
  photo.alt = data.alt;
  if (photo.dataset.id !== data.id) photo.src = data.uri;
  photo.dataset.id = data.id;
  if (!parts.begun || data.fixed) show(parts, data.box);
  parts.begun = true;
}

export default component({ build, show: showLast });
