// Draws one picture: a photo, or the heat over the photo that another picture on the page has brought.
// The opacity follows the page's own slider as it moves, so that it needs no answer from the server.

function image(uri, alt) {
  const node = new Image();
  node.alt = alt;
  if (uri) node.src = uri;
  return node;
}

function build(parent) {
  const figure = element("figure", "");
  const parts = {
    figure,
    title: element("span", "title"),
    value: element("span", "value"),
    frame: element("div", "frame"),
    below: element("div", "below"),
  };
  const caption = document.createElement("figcaption");
  caption.append(parts.title, parts.value);
  figure.append(caption, parts.frame, parts.below);
  parent.append(figure);
  figure.parts = parts;
  return parts;
}

// A picture is swapped only when the next one can be painted at once, so that nothing flickers; of several on their way
// only the last one counts.
function swap(frame, name, next) {
  next.className = name;
  frame[name] = next;
  const show = () => {
    if (frame[name] !== next) return;
    frame.querySelector(`img.${name}`)?.remove();
    name === "photo" ? frame.prepend(next) : frame.querySelector("img.photo").after(next);
  };
  if (!frame.querySelector(`img.${name}`)) show();
  else next.decode().catch(() => {}).then(show);
}

function showPhoto({ frame }, data) {
  const uri = photos.get(data.id);
  const old = frame.querySelector("img.photo");
  const alt = data.heat ? "" : data.alt;
  if (old && old.dataset.id === data.id) {
    old.alt = alt;
    if (!old.src && uri) old.src = uri;
    return;
  }
  const next = image(uri, alt);
  next.dataset.id = data.id;
  swap(frame, "photo", next);
}

function showHeat({ frame }, data) {
  const heat = image(data.heat, data.alt);
  // The slider may have moved since the server knew where it stood.
  const moved = document.querySelector(".st-key-opacity input")?.getAttribute("value");
  heat.style.opacity = (moved ?? data.opacity) / 100;
  swap(frame, "heat", heat);
}

function showBoxes({ frame }, boxes) {
  frame.querySelectorAll(".box").forEach((node) => node.remove());
  for (const [left, top, right, bottom] of boxes) {
    const node = element("div", "box");
    node.style.inset = `${100 * top}% ${100 * (1 - right)}% ${100 * (1 - bottom)}% ${100 * left}%`;
    frame.append(node);
  }
}

function showTitle({ title, value }, data) {
  title.textContent = data.title;
  title.classList.toggle("name", Boolean(data.name));
  title.title = data.name;
  value.textContent = data.value;
}

function showLegend({ below }, data) {
  below.replaceChildren();
  below.classList.toggle("plain", !data.bar);
  if (!data.bar) {
    below.textContent = data.below;
    return;
  }
  const bar = element("div", "bar");
  bar.style.background = `linear-gradient(to right, ${data.bar.colors.join(",")})`;
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", data.bar.alt);
  below.append(element("span", "", data.bar.low), bar, element("span", "", data.bar.high));
}

export default function ({ data: [data], parentElement }) {
  if (data.uri) keep(data.id, data.uri);

  const parts = parentElement.querySelector("figure")?.parts ?? build(parentElement);
  const { frame } = parts;
  showTitle(parts, data);
  frame.style.aspectRatio = `${data.width} / ${data.height}`;
  frame.style.maxWidth = `calc(max(44vh, 16rem) * ${data.width / data.height})`;
  showPhoto(parts, data);
  if (data.heat) showHeat(parts, data);
  showBoxes(parts, data.boxes);
  showLegend(parts, data);
  frame.querySelector(".wait")?.remove();
  if (data.wait) frame.append(element("div", "wait", data.wait));

  const arrived = () => showPhoto(parts, data);
  window.addEventListener("classcam-photo", arrived);
  const slider = new MutationObserver((changes) => {
    const moved = changes.find(({ target }) => target.closest(".st-key-opacity"));
    if (moved && frame.heat) frame.heat.style.opacity = moved.target.getAttribute("value") / 100;
  });
  slider.observe(document.body, { subtree: true, attributes: true, attributeFilter: ["value"] });
  return () => {
    window.removeEventListener("classcam-photo", arrived);
    slider.disconnect();
  };
}
