"""Photos of one size can go through a network together."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size: Callable[[T], Hashable], most: int) -> Iterator[list[T]]:
    """Items of equal sizes together, in their order: each batch as soon as it has `most`, at the end what is left over.

    Which items are together depends on nothing but their order, however long each is waited for.
    """
    waiting: dict[Hashable, list[T]] = {}
    for item in items:
        batch = waiting.setdefault(size(item), [])
        batch.append(item)
        if len(batch) == most:
            yield waiting.pop(size(item))
    yield from waiting.values()
