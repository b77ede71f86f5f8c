"""What networks are made of, for a page: layers as blocks, and where the parameters sit. Keras is not imported.

`cam.models.architecture_reading` reads it from their architectures.
"""

import json
from dataclasses import asdict, dataclass

from cam.backends.imports import import_keras
from cam.sandbox import call_apart

CONVOLUTION, POOLING, FLATTEN, DENSE = "convolution", "pooling", "flatten", "dense"
AVERAGE = "global average pooling"


@dataclass(frozen=True)
class Block:
    """A run of layers that is drawn as one box.

    Attributes:
        kind: one of the kinds above; a block with any convolution in it is a convolution.
        layers: the names of its layers of that kind.
        shape: of what comes out: (height, width, channels), or (numbers,) where there are no places any more.
        parameters: how many numbers are trained in it; running averages do not count.
    """

    kind: str
    layers: tuple[str, ...]
    shape: tuple[int, ...]
    parameters: int

    @property
    def keeps_where(self) -> bool:
        """Whether what comes out still has a height and a width, so that each number has a place in the photo."""
        return len(self.shape) == 3


@dataclass(frozen=True)
class Anatomy:
    """A network as blocks, from the photo to the scores.

    Attributes:
        title: its name on screen.
        size: side in pixels of the square it was trained for; the shapes of the blocks are those for this size.
        blocks: in the order of the graph.
        refusal: why it has no class activation map, as `find_head` says it; None where it has one.
    """

    title: str
    size: int
    blocks: tuple[Block, ...]
    refusal: str | None

    @property
    def parameters(self) -> int:
        """All that are trained."""
        return sum(block.parameters for block in self.blocks)

    @property
    def dense_parameters(self) -> int:
        """Those in dense layers; all others are in convolutions and their normalisation."""
        return sum(block.parameters for block in self.blocks if block.kind == DENSE)

    @property
    def dense_share(self) -> float:
        """The share of the parameters that is in dense layers, 0..1."""
        return self.dense_parameters / self.parameters


def anatomies() -> tuple[Anatomy, ...]:
    """VGG-16, which has no class activation map, ResNet-50, and the embedded EfficientNet-Lite2.

    Takes seconds, in which a process of its own imports Keras and reads them; the errors are those of `call_apart`.
    """
    rows = json.loads(call_apart(f"{__name__}:anatomies_json"))
    return tuple(Anatomy(**{**row, "blocks": tuple(map(_block, row["blocks"]))}) for row in rows)


def anatomies_json() -> bytes:
    """What `anatomies` is made of, as that process hands it over."""
    import_keras()
    from cam.models.architecture_reading import read_anatomies

    return json.dumps([asdict(anatomy) for anatomy in read_anatomies()]).encode()


def _block(row: dict) -> Block:
    """The block of what JSON made of one: it has no tuples."""
    return Block(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})
