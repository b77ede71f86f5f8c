"""The page of one browser tab: what the server has sent of it, and how a test reads it."""

import json
from dataclasses import dataclass, field

from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class ClientError(Exception):
    """No answer, or not the page that was expected."""


@dataclass
class Page:
    """The elements of one run, by their place on the page, as they arrive; `ended` when the run is over."""

    elements: dict[tuple[int, ...], Element] = field(default_factory=dict)
    ended: bool = False

    def put(self, message: ForwardMsg) -> None:
        path = tuple(message.metadata.delta_path)
        if message.delta.WhichOneof("type") == "new_element":
            # An element takes the place of a container with all that is in it.
            for old in [old for old in self.elements if old[: len(path)] == path]:
                del self.elements[old]
            self.elements[path] = message.delta.new_element

    def widget(self, key: str) -> object:
        """The widget of this key, as its message (ClientError if it is not on the page)."""
        for element in self.elements.values():
            message = getattr(element, element.WhichOneof("type"))
            if getattr(message, "id", "").endswith(f"-{key}"):
                return message
        raise ClientError(f"there is no widget {key!r} on the page")

    def pictures(self) -> dict[str, dict]:
        """The data of each picture by its key."""
        found = {}
        for element in self.elements.values():
            if (name := picture_name(element)) is not None:
                [found[name]] = json.loads(element.bidi_component.json)
        return found

    def problems(self) -> list[str]:
        """Exceptions, and sentences of error or warning, that stand on the page."""
        found = []
        for element in self.elements.values():
            kind = element.WhichOneof("type")
            if kind == "exception":
                found.append(f"{element.exception.type}: {element.exception.message}")
            elif kind == "alert" and element.alert.format in (element.alert.ERROR, element.alert.WARNING):
                found.append(element.alert.body)
        return found


def picture_name(element: Element) -> str | None:
    """The key of a picture, such as "heat"; None if the element is none."""
    if element.WhichOneof("type") != "bidi_component":
        return None
    _, found, name = element.bidi_component.id.partition("-picture_")
    return name if found else None
