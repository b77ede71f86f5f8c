"""The pictures: a photo, or a map over it. The opacity of the heat changes in the browser, without the server."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from cam.app.cache import Photo, Shown, data_uri
from cam.app.components.component import component
from cam.localization import Box
from cam.render import heat_layer, palette, signed_layer, signed_palette

_picture = component("picture")
# Colours that the bar below a map is drawn from.
_BAR_STEPS = 24
# Longest side in pixels of a map as it is sent; the browser enlarges it further.
_MAP_SIDE = 640


def map_size(shown: Shown) -> tuple[int, int]:
    """The (width, height) at which a map is drawn over a photo."""
    scale = min(1.0, _MAP_SIDE / max(shown.size))
    width, height = shown.size
    return max(1, round(width * scale)), max(1, round(height * scale))


def show_photo(photo: Photo, shown: Shown, *, key: str = "photo") -> None:
    """The photo with its title and credit; other pictures on the page take it from here, so it is sent once."""
    name = photo.title
    _mount(key, photo, shown, uri=shown.uri, title=name, name=name, alt=f"Photo: {name}", below=photo.credit)


def show_waiting(photo: Photo, shown: Shown, *, title: str, text: str, key: str = "waiting") -> None:
    """The photo with a text over it, of the size that the heat will have."""
    _mount(key, photo, shown, title=title, wait=text, alt=text)


def show_heat(
    photo: Photo,
    shown: Shown,
    heatmap: np.ndarray,
    *,
    key: str = "heat",
    title: str,
    value: str = "",
    alt: str,
    colormap: str = "inferno",
    opacity: int = 60,
    boxes: Sequence[Box] = (),
    maximum: float | None = None,
    exact: bool = True,
) -> None:
    """The evidence for a class over the photo.

    Args:
        photo: what `show_photo` shows on the same page.
        shown: the same, as the browser has it.
        heatmap: float (height, width), signed, of the photo's shape.
        key: unique on the page.
        title: over the picture, left.
        value: over the picture, right.
        alt: what the picture shows, in words.
        colormap: one of `cam.render.COLORMAPS`.
        opacity: in percent.
        boxes: in the heatmap's pixels.
        maximum: upper end of the scale, for several pictures on one scale; the heatmap's own where there is none.
        exact: whether the heatmap is in units of the score; the numbers of others mean nothing and are not shown.
    """
    height, width = heatmap.shape
    top = max(0.0, float(heatmap.max()) if maximum is None else maximum)
    _mount(
        key,
        photo,
        shown,
        heat=data_uri(heat_layer(heatmap, colormap, maximum=maximum), "PNG", compress_level=1),
        title=title,
        value=value,
        alt=alt,
        opacity=opacity,
        bar=_bar(palette(colormap), "no evidence", _most(top, exact), 0.0, top, exact=exact),
        boxes=[[b.left / width, b.top / height, b.right / width, b.bottom / height] for b in boxes],
    )


def show_signed(
    photo: Photo,
    shown: Shown,
    heatmap: np.ndarray,
    *,
    key: str,
    title: str,
    value: str = "",
    alt: str,
    opacity: int = 75,
    limit: float | None = None,
    below: str = "",
) -> None:
    """Evidence for and against over the photo, on the scale centred on zero; the arguments are those of `show_heat`.

    Args:
        limit: the value at either end of the scale; the largest size in the heatmap where there is none.
        below: a text in place of the colour scale, for pictures that share one.
    """
    end = limit or float(np.abs(heatmap).max())
    _mount(
        key,
        photo,
        shown,
        heat=data_uri(signed_layer(heatmap, limit), "PNG", compress_level=1),
        title=title,
        value=value,
        alt=alt,
        opacity=opacity,
        bar=None if below else _bar(signed_palette(), f"against (−{end:.1f})", f"for (+{end:.1f})", -end, end),
        below=below,
    )


def show_layer(
    photo: Photo,
    shown: Shown,
    layer: Image.Image,
    *,
    key: str,
    title: str,
    value: str = "",
    alt: str,
    brings_photo: bool = False,
) -> None:
    """The photo under a layer that hides parts of it; the arguments are those of `show_heat`.

    Args:
        layer: RGBA of any size, stretched over the photo.
        brings_photo: stands for `show_photo` on its page.
    """
    _mount(
        key,
        photo,
        shown,
        uri=shown.uri if brings_photo else None,
        heat=data_uri(layer, "PNG", compress_level=1),
        title=title,
        value=value,
        alt=alt,
        opacity=100,
        below=photo.credit if brings_photo else "",
    )


def _most(top: float, exact: bool) -> str:
    if not top:
        return "none here"
    return f"most evidence ({top:.1f})" if exact else "most evidence"


def _bar(colors: np.ndarray, low: str, high: str, start: float, end: float, *, exact: bool = True) -> dict[str, object]:
    scale = f", from {start:.1f} to {end:.1f} in units of the score" if exact else ""
    return {
        "colors": [f"rgb({r} {g} {b})" for r, g, b in colors[:: 256 // _BAR_STEPS].tolist()],
        "low": low,
        "high": high,
        "alt": f"Colour scale of the evidence{scale}",
    }


def _mount(key: str, photo: Photo, shown: Shown, **data: object) -> None:
    width, height = shown.size
    defaults: dict[str, object] = {
        "uri": None,
        "heat": None,
        "wait": None,
        "bar": None,
        "below": "",
        "name": "",
        "value": "",
        "boxes": [],
    }
    data = {**defaults, "id": photo.digest, "width": width, "height": height, **data}
    # In a list, because Streamlit imports pandas to look for tables in a dict: 0.2 s and 70 MB.
    _picture(key=f"picture_{key}", data=[data])
