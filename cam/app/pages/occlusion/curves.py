"""The deletion and insertion curves of the chosen class, against those of a random order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import altair as alt
import streamlit as st
from PIL import Image

from cam.analysis.occlusion import curve_area, deletion, insertion, random_heat
from cam.app.callbacks import run_to_end
from cam.app.colors import FOR, NEUTRAL
from cam.app.pages.occlusion.passes import fit_photo, grid_shape, run_network
from cam.app.scene import Scene

_STEPS = 20
_RANDOM_SEED = 0
_PASSES = 4 * (_STEPS + 1)


@dataclass(frozen=True)
class Curves:
    """Probabilities after 0, 1/20, ... 1 of the photo, hottest first and in random order."""

    deletion: list[float]
    insertion: list[float]
    random_deletion: list[float]
    random_insertion: list[float]


def show_curves(scene: Scene) -> None:
    """Show the button, and the curves once they are drawn for this photo, network and class."""
    st.markdown("## Little by little")
    st.markdown(
        "Hide the photo step by step, the hottest first, until nothing is left; or start from a blurred photo and make "
        "it sharp step by step."
    )
    state = st.session_state
    drawn = state.setdefault("cover_curves", {})
    key = (scene.photo.digest, scene.spec.name, scene.chosen.index)
    # Any other choice on the page ends the run while it draws: nothing is wanted then, and the passes so far are kept.
    wanted = state.pop("cover_wanted", None)
    if key not in drawn and wanted != key:
        st.button(
            f"Draw the curves: {_PASSES} forward passes",
            key="cover_draw",
            icon=":material/show_chart:",
            on_click=run_to_end(lambda: state.update(cover_wanted=key)),
        )
        return
    if key not in drawn:
        # Streamlit leaves the button of the last run in place, greyed out, until this run ends.
        st.html("<style>.st-key-cover_draw { display: none }</style>")
        drawn[key] = _draw(scene)
    _show(drawn[key], scene.chosen.label)


def _draw(scene: Scene) -> Curves:
    bar = st.progress(0.0)
    done = 0

    def score(image: Image.Image) -> float:
        nonlocal done
        found = float(run_network(scene.spec.name, image).probabilities[scene.chosen.index])
        done += 1
        bar.progress(done / _PASSES, f"Forward pass {done} of {_PASSES}; any other choice on the page stops it")
        return found

    curves = Curves(*(list(curve) for curve in _compute(scene, score)))
    bar.empty()
    return curves


def _compute(scene: Scene, score: Callable[[Image.Image], float]) -> Iterator[Iterator[float]]:
    image = fit_photo(scene)
    heat = scene.explanation.heatmap(scene.chosen.index, size=image.size)
    for order in (heat, random_heat(image.size, grid_shape(scene.explanation), _RANDOM_SEED)):
        for curve in (deletion, insertion):
            yield curve(score, image, order, steps=_STEPS)


def _show(curves: Curves, label: str) -> None:
    top = max(max(values) for values in vars(curves).values())
    charts = [
        ("Deletion: hide it", "Share of the photo hidden", curves.deletion, curves.random_deletion),
        ("Insertion: show it", "Share of the photo shown", curves.insertion, curves.random_insertion),
    ]
    for column, (title, axis, heat, random) in zip(st.columns(2, gap="medium"), charts, strict=True):
        with column:
            st.markdown(f"**{title}**")
            names = [f"Hottest first: area {curve_area(heat):.3f}", f"At random: area {curve_area(random):.3f}"]
            chart = _chart(dict(zip(names, (heat, random), strict=True)), axis, f"Probability of {label}", top)
            st.altair_chart(chart, width="stretch", alt=f"{title}. {names[0]}; {names[1]}.")
    st.markdown(
        "**How to read it.** Hidden, the hottest regions should pull the curve down early: a *small* area. Shown, they "
        "should lift it early: a *large* area. Then the map points at what the score needs. What is hidden is grey, "
        "what is not yet shown is blurred; at random means cells of the map in an order drawn by lot."
    )


def _chart(curves: dict[str, list[float]], across: str, up: str, top: float) -> alt.Chart:
    """Draw lines by name; the probability goes up to `top`, so that charts side by side have one scale.

    Both axes say where they end, because Vega draws them a moment before the rows have come.
    """
    names = list(curves)
    rows = [
        {"share": step / _STEPS, "probability": value, "order": name}
        for name, values in curves.items()
        for step, value in enumerate(values)
    ]
    legend = alt.Legend(orient="top", direction="vertical", symbolType="stroke")
    dashes = alt.Scale(domain=names, range=[[1, 0], [7, 4]])
    return (
        alt.Chart(alt.Data(values=rows), height=380)
        .mark_line(strokeWidth=4)
        .encode(
            alt.X("share:Q", title=across, axis=alt.Axis(format=".0%", tickCount=5)).scale(domain=[0, 1]),
            alt.Y("probability:Q", title=up, axis=alt.Axis(format=".0%", tickCount=5)).scale(domain=[0, top]),
            alt.Color("order:N", title=None, scale=alt.Scale(domain=names, range=[FOR, NEUTRAL]), legend=legend),
            alt.StrokeDash("order:N", title=None, scale=dashes, legend=legend),
            tooltip=[
                alt.Tooltip("order:N", title="Order"),
                alt.Tooltip("share:Q", title=across, format=".0%"),
                alt.Tooltip("probability:Q", title=up, format=".1%"),
            ],
        )
        .configure_axis(labelFontSize=15, titleFontSize=15)
        .configure_legend(labelFontSize=16, labelLimit=400, symbolSize=500, symbolStrokeWidth=4)
    )
