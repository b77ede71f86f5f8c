// What all components share: their life on the page, the photos that the browser has got, by their digest, and making
// elements.

// A component whose state is in one place: the mount, which is what lasts while it stands where it is on the page. It has
// `parts`, made once by `build`, and of the last call from Streamlit `data` and `setStateValue`; `show` draws these.
// `listen` has it hear of what happens beside it, once, and returns how that ends.
//
// Streamlit calls a component again for each new data. What a call returns it calls when the component is taken off the
// page, that of the last call alone; or at once, where the next call has overtaken this one. So whatever a call began
// would outlast it and go on with data that are not shown any more.
function component({ build, show, listen = () => () => {} }) {
  return (call) => {
    const mount = (call.parentElement.mount ??= { parts: build(call.parentElement) });
    Object.assign(mount, { call, data: call.data, setStateValue: call.setStateValue });
    mount.end ??= listen(mount);
    show(mount);
    return () => {
      if (mount.call !== call) return;
      mount.end();
      mount.end = null;
    };
  };
}

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

// Calls `arrived` for each photo that comes, until what this returns is called.
function listenToPhotos(arrived) {
  window.addEventListener("classcam-photo", arrived);
  return () => window.removeEventListener("classcam-photo", arrived);
}

function element(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

