"""The page "See where the network looks": the photo, the heat over it, the classes, and how the heat is drawn."""

import streamlit as st

from cam.app import cache, url_state
from cam.app.components import picture
from cam.app.widgets import class_picker, custom_model_form, network_picker, photo_picker
from cam.app.widgets.download_menu import View, save_menu
from cam.app.widgets.messages import plain
from cam.explanation import Prediction, Scored
from cam.formatting import format_percent
from cam.heatmap import MULTIVIEW, estimate_cost
from cam.localization import boxes, describe_peak
from cam.render import COLORMAPS

_FITS = {"whole": "Whole photo", "squash": "Squashed to a square"}


def map_page() -> None:
    """The whole page. Widgets come before the network is asked, so that it can be used while the network loads."""
    url_state.open_link()
    title, network = st.columns([2.4, 1], vertical_alignment="center")
    with title.container(key="title"):
        st.markdown("# ClassCam\nSee where a neural network looks when it names what is in a photo.")
    with network:
        spec = network_picker.choose_network()
    with st.container(key="status"):
        line, offer = st.columns([2.4, 1], vertical_alignment="center")
    correction = st.container()
    photo = photo_picker.choose_photo()
    shown = cache.shown(photo)
    messages = st.container()
    left, right = st.columns(2, gap="medium")
    with left:
        picture.show_photo(photo, shown)
    ranked, search, count, save, notes, view, fit, detail = _controls()
    # Only now, because a network that starts to load slows down what is painted at the same time.
    if not network_picker.is_ready(spec):
        line, right, ranked = line.empty(), right.empty(), ranked.empty()
        line.markdown(f"Loading {plain(spec.title)}: a few seconds, once.")
        with right.container():
            picture.show_waiting(photo, shown, title="Where does it look?", text=f"Loading {spec.title} …")
        ranked.markdown("The classes appear here.")
    with messages:
        shown_spec, explanation = network_picker.explain(photo, spec, fit, detail=detail)
    network_picker.remember(shown_spec, explanation)
    url_state.open_class(explanation.labels)
    with correction:
        custom_model_form.correct(shown_spec)
    line.markdown(network_picker.describe(shown_spec, explanation))
    with offer:
        network_picker.offer_download(spec)
    with ranked.container():
        chosen = class_picker.choose_class(explanation, count)
    with right.container():
        show_heat(photo, shown, explanation, chosen, view)
    with search:
        class_picker.search_class(explanation.labels)
    with save:
        save_menu(photo, shown_spec, explanation, chosen, view)
    with notes:
        _notes(explanation)
    url_state.write_link(chosen.label)


def _controls() -> tuple:
    """What stands below the pictures: places for what needs an explanation, and the choices that do not."""
    left, right = st.columns(2, gap="medium")
    with left:
        ranked = st.container(key="ranked")
        search, column = st.columns([3, 1.4], vertical_alignment="bottom")
        with column:
            count = class_picker.choose_count()
    with right:
        view, fit, detail = choose_view()
        save = st.container()
    return ranked, search, count, save, st.container(), view, fit, detail


def choose_view() -> tuple[View, str, bool]:
    """How the heat is drawn, the fit (how the network is given the photo), and whether in several views."""
    opacity = st.slider(
        "Opacity of the heat", 0, 100, 60, 1, "%d %%", key="opacity", on_change="ignore", bind="query-params"
    )
    titles = {row.name: row.title for row in COLORMAPS}
    colors, given = st.columns(2)
    colormap = colors.selectbox("Colours", list(titles), format_func=titles.get, key="colors", bind="query-params")
    fit = given.selectbox(
        "The network is given the", list(_FITS), format_func=_FITS.get, key="fit", bind="query-params"
    )
    detail = st.toggle(
        "Finer map",
        key="detail",
        bind="query-params",
        help=f"The mean of {len(MULTIVIEW)} looks at the photo: at three sizes, each also mirrored. Finer and "
        f"steadier, for {estimate_cost(MULTIVIEW):.0f} times the work. The scores become the means of all looks, so "
        "they change too.",
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
    return View(colormap, opacity, share if drawn else None), fit, detail


def show_heat(photo: cache.Photo, shown: cache.Shown, explanation: Scored, chosen: Prediction, view: View) -> None:
    """The heat of one class over the photo."""
    heatmap = explanation.heatmap(chosen.index, size=picture.map_size(shown))
    found = [] if view.threshold is None else boxes(heatmap, view.threshold / 100)
    picture.show_heat(
        photo,
        shown,
        heatmap,
        title=f"Evidence for {chosen.label}",
        value=format_percent(chosen.probability),
        alt=_alt(explanation, chosen, len(found)),
        colormap=view.colormap,
        opacity=view.opacity,
        boxes=found,
        exact=explanation.exact,
    )


def _alt(explanation: Scored, chosen: Prediction, count: int) -> str:
    """What the heat shows, in words: how probable the class is and where its strongest evidence lies."""
    cells = explanation.class_map(chosen.index)
    if cells.max() <= 0:
        return f"Nothing in the photo is evidence for {chosen.label} ({format_percent(chosen.probability)})."
    boxed = f" {count} {'box' if count == 1 else 'boxes'} drawn." if count else ""
    return f"Heat over the photo: the strongest evidence for {chosen.label} is at the {describe_peak(cells)}.{boxed}"


def _notes(explanation: Scored) -> None:
    says = "Bright regions raised the score of the class; dark ones did not, or lowered it."
    if not explanation.exact:
        says = (
            f"This network has no exact map, so {explanation.method.title} estimates one from gradients: where it is "
            "bright, a stronger reaction of the network would raise the score. The cells do not add up to the score."
        )
    st.markdown(
        f"**What the map says.** {says} "
        "**What it does not say.** Bright is not *sure*: the brightest place of every map has the same colour, however "
        "low the probability. The map is evidence for a score, not a person's reason."
    )
