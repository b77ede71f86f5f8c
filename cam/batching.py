"""Photos of one size can go through a network together."""

from collections.abc import Hashable, Sequence

# More a pass are no faster on a processor: their activations leave its caches.
MOST = 8


def batches(sizes: Sequence[Hashable], most: int = MOST) -> list[list[int]]:
    """Places of equal sizes together, at most `most` a batch, each in rising order; sizes by their first appearance."""
    groups: dict[Hashable, list[int]] = {}
    for place, size in enumerate(sizes):
        groups.setdefault(size, []).append(place)
    return [places[start : start + most] for places in groups.values() for start in range(0, len(places), most)]
