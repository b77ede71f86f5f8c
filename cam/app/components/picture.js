// Draws one picture: a photo, or the heat over the photo that another picture on the page has brought.
// The opacity follows the page's own slider as it moves, so that it needs no answer from the server.

function image(name, uri, alt) {
  const node = new Image();
  node.className = name;
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
  return parts;
}

// All of a picture is swapped at once, when it can be painted at once, so that nothing flickers and no title stands over
// another photo. Until then the last one stays, also while the photo has not come; of several on their way only the
// last one counts.
function show(parts, data) {
  const old = parts.frame.querySelector("img.photo");
  const uri = photos.get(data.id);
  const same = Boolean(old?.src) && old.dataset.id === data.id;
  parts.waits = !same && !uri;
  if (parts.waits && old?.src) return;
  const photo = same ? old : image("photo", uri);
  photo.dataset.id = data.id;
  const next = data.heat ? [photo, image("heat", data.heat, data.alt)] : [photo];
  parts.next = next;
  const draw = () => parts.next === next && swap(parts, data, next);
  if (!old) return draw();
  const decoding = next.filter((node) => node !== old && node.src).map((node) => node.decode());
  Promise.allSettled(decoding).then(draw);
}

function swap(parts, data, images) {
  const { frame } = parts;
  const [photo, heat] = images;
  photo.alt = data.heat ? "" : data.alt;
  if (heat) {
    // The slider may have moved since the server knew where it stood.
    const moved = document.querySelector(".st-key-opacity input")?.getAttribute("value");
    heat.style.opacity = (moved ?? data.opacity) / 100;
  }
  frame.style.aspectRatio = `${data.width} / ${data.height}`;
  frame.style.maxWidth = `calc(max(44vh, 16rem) * ${data.width / data.height})`;
  frame.querySelectorAll("img, .wait").forEach((node) => node !== photo && node.remove());
  frame.prepend(...images);
  showBoxes(parts, data.boxes);
  if (data.wait) frame.append(element("div", "wait", data.wait));
  showTitle(parts, data);
  showLegend(parts, data);
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

function showLast({ parts, data: [data] }) {
  if (data.uri) keep(data.id, data.uri);
  show(parts, data);
}

function listen(mount) {
  const { parts } = mount;
  const endPhotos = listenToPhotos(() => parts.waits && show(parts, mount.data[0]));
  const slider = new MutationObserver((changes) => {
    const moved = changes.find(({ target }) => target.closest(".st-key-opacity"));
    const heat = parts.frame.querySelector("img.heat");
    if (moved && heat) heat.style.opacity = moved.target.getAttribute("value") / 100;
  });
  slider.observe(document.body, { subtree: true, attributes: true, attributeFilter: ["value"] });
  return () => {
    endPhotos();
    slider.disconnect();
  };
}

export default component({ build, show: showLast, listen });
