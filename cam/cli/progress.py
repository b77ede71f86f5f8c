"""How far a long run is, on stderr: a bar on a terminal, and now and then a plain line where it goes to a file."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

# Between two lines where there is no terminal.
_SECONDS = 10.0


@contextmanager
def progress(noun: str) -> Iterator[Callable[[int, int], None]]:
    """A function to be called with how many are done and how many there are, first with 0; `noun` says of what."""
    show = _Bar(noun) if sys.stderr.isatty() else _Lines(noun)
    try:
        yield show
    finally:
        show.close()


class _Bar:
    """Click's bar with the time left, and the rate."""

    def __init__(self, noun: str):
        self._noun, self._bar, self._start = noun, None, 0.0

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            self._start = time.monotonic()
            self._bar = click.progressbar(
                length=total,
                label=self._noun.capitalize(),
                file=sys.stderr,
                show_pos=True,
                item_show_func=lambda rate: rate and f"{rate:.1f} {self._noun}/s",
            )
            self._bar.__enter__()
        rate = done / max(time.monotonic() - self._start, 1e-9)
        self._bar.update(done - self._bar.pos, rate)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)


class _Lines:
    """A line every few seconds, and one at the end."""

    def __init__(self, noun: str):
        self._noun, self._start, self._next = noun, 0.0, 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:
            self._start, self._next = now, now + _SECONDS
            return
        if now < self._next and done < total:
            return
        self._next = now + _SECONDS
        rate = done / max(now - self._start, 1e-9)
        left = f", {_duration((total - done) / rate)} left" if done < total else ""
        click.echo(f"{done} of {total} {self._noun}, {rate:.1f} {self._noun}/s{left}", err=True)

    def close(self) -> None:
        pass


def _duration(seconds: float) -> str:
    """Hours, minutes and seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
