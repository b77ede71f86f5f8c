"""The page "See where the network looks": the photo, the heat over it, the classes, and how the heat is drawn."""

from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cam.app import url_state
from cam.app.cache import Explained
from cam.app.components import picture
from cam.app.scene import Scene, describe_loading, make_scene
from cam.app.widgets import class_picker, custom_model_form, network_picker, photo_picker
from cam.app.widgets.download_menu import View, show_save_menu
from cam.explanation import ExplainOptions, Prediction
from cam.formatting import format_percent
from cam.heatmap import MULTIVIEW, estimate_cost
from cam.localization import boxes, describe_peak
from cam.render import COLORMAPS

_FITS = {"whole": "Whole photo", "squash": "Squashed to a square"}


@dataclass(frozen=True)
class _Places:
    """The containers below the pictures for what needs an explanation."""

    ranked: DeltaGenerator
    search: DeltaGenerator
    save: DeltaGenerator
    notes: DeltaGenerator


def show_page() -> None:
    """Show the page. Widgets come before the network is asked, so that it can be used while the network loads."""
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
    messages = st.container()
    left, right = st.columns(2, gap="medium")
    with left:
        picture.show_photo(photo)
    places, count, view, options = _show_controls()
    ranked = places.ranked
    # Only now, because a network that starts to load slows down what is painted at the same time.
    if not network_picker.is_ready(spec):
        line, right, ranked = line.empty(), right.empty(), ranked.empty()
        line.markdown(describe_loading(spec))
        with right.container():
            picture.show_waiting(photo, title="Where does it look?", text=f"Loading {spec.title} …")
        ranked.markdown("The classes appear here.")
    with messages:
        shown_spec, explanation = network_picker.explain(photo, spec, options)
    with correction:
        custom_model_form.correct(shown_spec)
    line.markdown(network_picker.describe(shown_spec, explanation))
    with offer:
        network_picker.offer_download(spec)
    with ranked.container():
        choose = partial(class_picker.choose_class, count=count)
        scene = make_scene(photo, shown_spec, explanation, choose, options)
    with right.container():
        show_heat(scene, view)
    with places.search:
        class_picker.search_class(explanation.labels)
    with places.save:
        show_save_menu(scene, view)
    with places.notes:
        _show_notes(explanation)


def _show_controls() -> tuple[_Places, int, View, ExplainOptions]:
    """Show the choices below the pictures, with places for what comes between them."""
    left, right = st.columns(2, gap="medium")
    with left:
        ranked = st.container(key="ranked")
        search, column = st.columns([3, 1.4], vertical_alignment="bottom")
        with column:
            count = class_picker.choose_count()
    with right:
        view, options = _choose_view()
        save, notes = st.container(), st.container()
    return _Places(ranked, search, save, notes), count, view, options


def _choose_view() -> tuple[View, ExplainOptions]:
    """Offer the choices of how the heat is drawn and how the photo is explained."""
    opacity = st.slider(
        "Opacity of the heat", 0, 100, 60, 1, "%d %%", key="opacity", on_change="ignore", bind="query-params"
    )
    titles = {row.name: row.title for row in COLORMAPS}
    colors, given = st.columns(2)
    colormap = colors.selectbox(
        "Colours", list(titles), format_func=titles.__getitem__, key="colors", bind="query-params"
    )
    fit = given.selectbox("Input", list(_FITS), format_func=_FITS.__getitem__, key="fit", bind="query-params")
    detail = st.toggle(
        "Finer map",
        key="detail",
        bind="query-params",
        help=f"The mean of {len(MULTIVIEW)} forward passes: the photo at three sizes, each also mirrored. Finer and "
        f"steadier, for {estimate_cost(MULTIVIEW):.0f} times the work. The scores become means too, so they change.",
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
    return View(colormap, opacity, share if drawn else None), ExplainOptions(fit, detail=detail)


def show_heat(scene: Scene, view: View) -> None:
    """Show the heat of the chosen class over the photo."""
    chosen = scene.chosen
    heatmap = scene.explanation.heatmap(chosen.index, size=picture.map_size(scene.photo.size))
    found = [] if view.threshold is None else boxes(heatmap, view.threshold / 100)
    picture.show_heat(
        scene.photo,
        heatmap,
        title=f"Evidence for {chosen.label}",
        value=format_percent(chosen.probability),
        alt=_describe_heat(scene.explanation, chosen, len(found)),
        colormap=view.colormap,
        opacity=view.opacity,
        boxes=found,
        exact=scene.explanation.exact,
    )


def _describe_heat(explanation: Explained, chosen: Prediction, count: int) -> str:
    """Say how probable the class is, where its strongest evidence lies, and how many boxes are drawn."""
    cells = explanation.class_map(chosen.index)
    if cells.max() <= 0:
        return f"Nothing in the photo is evidence for {chosen.label} ({format_percent(chosen.probability)})."
    boxed = f" {count} {'box' if count == 1 else 'boxes'} drawn." if count else ""
    return f"Heat over the photo: the strongest evidence for {chosen.label} is at the {describe_peak(cells)}.{boxed}"


def _show_notes(explanation: Explained) -> None:
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
