"""The page "See where the network looks": the photo, the heat over it, the classes, and how the heat is drawn."""

import streamlit as st

from cam import cached, localize
from cam.explanation import Explanation, Prediction
from cam.render import COLORMAPS
from cam.ui import classes, frame, link, networks, photos, picture
from cam.ui.save import View, save_menu

_FITS = {"whole": "Whole photo", "squash": "Squashed to a square"}


def map_page() -> None:
    """The whole page. Widgets come before the network is asked, so that it can be used while the network loads."""
    frame.style()
    link.open_link()
    title, network = st.columns([2.4, 1], vertical_alignment="center")
    with title.container(key="title"):
        st.markdown("# ClassCam\nSee where a neural network looks when it names what is in a photo.")
    with network:
        spec = networks.choose_network()
    with st.container(key="status"):
        line, offer = st.columns([2.4, 1], vertical_alignment="center")
    photo = photos.choose_photo()
    shown = cached.shown(photo)
    messages = st.container()
    left, right = st.columns(2, gap="medium")
    with left:
        picture.show_photo(photo, shown)
    ranked, search, count, save, view, fit = _controls()
    # Only now, because a network that starts to load slows down what is painted at the same time.
    if not networks.is_ready(spec):
        line, right, ranked = line.empty(), right.empty(), ranked.empty()
        line.markdown(f"Loading {spec.title}: a few seconds, once.")
        with right.container():
            picture.show_waiting(photo, shown, title="Where does it look?", text=f"Loading {spec.title} …")
        ranked.markdown("The classes appear here.")
    with messages:
        shown_spec, explanation = networks.explain(photo, spec, fit)
    networks.remember(shown_spec)
    line.markdown(networks.describe(shown_spec, explanation))
    with offer:
        networks.offer_download(spec)
    with ranked.container():
        chosen = classes.choose_class(explanation, count)
    with right.container():
        show_heat(photo, shown, explanation, chosen, view)
    with search:
        classes.search_class(explanation.labels)
    with save:
        save_menu(photo, shown_spec, explanation, chosen, view)
    link.write_link(chosen.label)


def _controls() -> tuple:
    """What stands below the pictures: places for what needs an explanation, and the choices that do not."""
    left, right = st.columns(2, gap="medium")
    with left:
        ranked = st.container(key="ranked")
        search, column = st.columns([3, 1.4], vertical_alignment="bottom")
        with column:
            count = classes.choose_count()
    with right:
        view, fit = choose_view()
        save = st.container()
    _notes()
    return ranked, search, count, save, view, fit


def choose_view() -> tuple[View, str]:
    """How the heat is drawn, and the fit: how the network is given the photo."""
    opacity = st.slider(
        "Opacity of the heat", 0, 100, 60, 1, "%d %%", key="opacity", on_change="ignore", bind="query-params"
    )
    titles = {row.name: row.title for row in COLORMAPS}
    colors, given = st.columns(2)
    colormap = colors.selectbox("Colours", list(titles), format_func=titles.get, key="colors", bind="query-params")
    fit = given.selectbox(
        "The network is given the", list(_FITS), format_func=_FITS.get, key="fit", bind="query-params"
    )
    box, threshold = st.columns(2, vertical_alignment="center")
    drawn = box.toggle("Box around the evidence", key="box", bind="query-params")
    share = threshold.slider(
        "From this share of the maximum",
        5,
        95,
        20,
        5,
        "%d %%",
        key="threshold",
        disabled=not drawn,
        bind="query-params",
    )
    return View(colormap, opacity, share if drawn else None), fit


def show_heat(
    photo: cached.Photo, shown: cached.Shown, explanation: Explanation, chosen: Prediction, view: View
) -> None:
    """The heat of one class over the photo."""
    heatmap = explanation.heatmap(chosen.index, size=picture.map_size(shown))
    found = [] if view.threshold is None else localize.boxes(heatmap, view.threshold / 100)
    picture.show_heat(
        photo,
        shown,
        heatmap,
        title=f"Evidence for {chosen.label}",
        value=classes.percent(chosen.probability),
        alt=_alt(explanation, chosen, len(found)),
        colormap=view.colormap,
        opacity=view.opacity,
        boxes=found,
    )


def _alt(explanation: Explanation, chosen: Prediction, boxes: int) -> str:
    """What the heat shows, in words: how probable the class is and where its strongest evidence lies."""
    cells = explanation.class_map(chosen.index)
    if cells.max() <= 0:
        return f"Nothing in the photo is evidence for {chosen.label} ({classes.percent(chosen.probability)})."
    boxed = f" {boxes} {'box' if boxes == 1 else 'boxes'} drawn." if boxes else ""
    return (
        f"Heat over the photo: the strongest evidence for {chosen.label} is at the {localize.peak_place(cells)}.{boxed}"
    )


def _notes() -> None:
    st.markdown(
        "**What the map says.** Bright regions raised the score of the class; dark ones did not, or lowered it. "
        "**What it does not say.** Bright is not *sure*: the brightest place of every map has the same colour, however "
        "low the probability. The map is evidence for a score, not a person's reason."
    )
