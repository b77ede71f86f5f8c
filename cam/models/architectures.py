"""Three architectures for a page: layers as blocks, and where the parameters sit.

`architectures.json` holds them; `python tests/support/architecture_reading.py` writes it.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

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


@cache
def load_anatomies() -> tuple[Anatomy, ...]:
    """Load VGG-16, which has no class activation map, ResNet-50, and the embedded EfficientNet-Lite2."""
    rows = json.loads(resources.files("cam.models").joinpath("architectures.json").read_text("utf-8"))
    return tuple(Anatomy(**row | {"blocks": tuple(map(_block, row["blocks"]))}) for row in rows)


def _block(row: dict[str, Any]) -> Block:
    return Block(**row | {"layers": tuple(row["layers"]), "shape": tuple(row["shape"])})
