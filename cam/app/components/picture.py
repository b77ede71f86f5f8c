"""The pictures: a photo, or a map over it. The opacity of the heat changes in the browser, without the server."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from cam.app.cache import Photo, encode_uri
from cam.app.components import register_component
from cam.localization import Box
from cam.render import heat_layer, palette, signed_layer, signed_palette

_picture = register_component("picture")
# Colours that the bar below a map is drawn from.
_BAR_STEPS = 24
# Longest side in pixels of a map as it is sent; the browser enlarges it further.
_MAP_SIDE = 640


def map_size(size: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) at which a map is drawn over a photo that is shown at `size`."""
    scale = min(1.0, _MAP_SIDE / max(size))
    width, height = size
    return max(1, round(width * scale)), max(1, round(height * scale))


def show_photo(photo: Photo, *, key: str = "photo") -> None:
    """Show a photo with its title and credit; other pictures on the page take it from here, so it is sent once."""
    name = photo.title
    _mount(key, photo, uri=photo.uri, title=name, name=name, alt=f"Photo: {name}", below=photo.credit)


def show_waiting(photo: Photo, *, title: str, text: str, key: str = "waiting") -> None:
    """Show a photo with a text over it, of the size that the heat will have."""
    _mount(key, photo, title=title, wait=text, alt=text)


def show_heat(
    photo: Photo,
    heatmap: np.ndarray,
    *,
    key: str = "heat",
    title: str,
    value: str = "",
    alt: str,
    size: tuple[int, int] | None = None,
    colormap: str = "inferno",
    opacity: int = 60,
    boxes: Sequence[Box] = (),
    maximum: float | None = None,
    exact: bool = True,
) -> None:
    """Show the evidence for a class over a photo.

    Args:
        photo: the photo that `show_photo` shows on the same page.
        heatmap: float (height, width), signed, of the photo's shape.
        key: unique on the page.
        title: over the picture, left.
        value: over the picture, right.
        alt: a description of the picture.
        size: (width, height) of the shape into which the photo is stretched; its own where there is none.
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
        size=size,
        heat=_encode_layer(heat_layer(heatmap, colormap, maximum=maximum)),
        title=title,
        value=value,
        alt=alt,
        opacity=opacity,
        bar=_describe_bar(palette(colormap), "no evidence", _name_top(top, exact), 0.0, top, exact=exact),
        boxes=[[b.left / width, b.top / height, b.right / width, b.bottom / height] for b in boxes],
    )


def show_signed(
    photo: Photo,
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
    """Show evidence for and against, on a scale centred on zero; the arguments are those of `show_heat`.

    Args:
        limit: the value at either end of the scale; the largest size in the heatmap where there is none.
        below: a text in place of the colour scale, for pictures that share one.
    """
    end = limit or float(np.abs(heatmap).max())
    bar = _describe_bar(signed_palette(), f"against (−{end:.1f})", f"for (+{end:.1f})", -end, end)
    _mount(
        key,
        photo,
        heat=_encode_layer(signed_layer(heatmap, limit)),
        title=title,
        value=value,
        alt=alt,
        opacity=opacity,
        bar=None if below else bar,
        below=below,
    )


def show_layer(photo: Photo, layer: Image.Image, *, key: str, title: str, alt: str, brings_photo: bool = False) -> None:
    """Show a photo under a layer that hides parts of it; the arguments are those of `show_heat`.

    Args:
        layer: RGBA of any size, stretched over the photo.
        brings_photo: stands for `show_photo` on its page.
    """
    _mount(
        key,
        photo,
        uri=photo.uri if brings_photo else None,
        heat=_encode_layer(layer),
        title=title,
        alt=alt,
        opacity=100,
        below=photo.credit if brings_photo else "",
    )


def _encode_layer(layer: Image.Image) -> str:
    return encode_uri(layer, "PNG", compress_level=1)


def _name_top(top: float, exact: bool) -> str:
    if not top:
        return "none here"
    return f"most evidence ({top:.1f})" if exact else "most evidence"


def _describe_bar(
    colors: np.ndarray, low: str, high: str, start: float, end: float, *, exact: bool = True
) -> dict[str, str | list[str]]:
    scale = f", from {start:.1f} to {end:.1f} in units of the score" if exact else ""
    return {
        "colors": [f"rgb({r} {g} {b})" for r, g, b in colors[:: 256 // _BAR_STEPS].tolist()],
        "low": low,
        "high": high,
        "alt": f"Colour scale of the evidence{scale}",
    }


def _mount(key: str, photo: Photo, *, size: tuple[int, int] | None = None, **data: object) -> None:
    width, height = size or photo.size
    defaults: dict[str, object] = {"uri": None, "heat": None, "wait": None, "bar": None, "boxes": []}
    defaults |= {"below": "", "name": "", "value": ""}
    # In a list, because Streamlit imports pandas to look for tables in a dict: 0.2 s and 70 MB.
    _picture(key=f"picture_{key}", data=[{**defaults, "id": photo.digest, "width": width, "height": height, **data}])
