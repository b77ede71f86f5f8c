// What all components share: the photos that the browser has got, by their digest, and making elements.

const photos = (window.classcamPhotos ??= new Map());
// More than a quick hand chooses before the heat of the first one is there, which takes its photo from here.
const KEPT = 8;

// A photo comes with one picture; the others of the page take it from here.
function keep(id, uri) {
  photos.delete(id);
  photos.set(id, uri);
  while (photos.size > KEPT) photos.delete(photos.keys().next().value);
  window.dispatchEvent(new Event("classcam-photo"));
}

function element(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

