"""Show on stderr how far a long run is: a bar on a terminal, and now and then a plain line where it goes to a file."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from tqdm import tqdm

from cam.methods.probe import Report

# Between two lines where there is no terminal.
_SECONDS = 10.0


@contextmanager
def show_progress(noun: str) -> Iterator[Report]:
    """Yield a function to be called with how many of `noun` are done and how many there are, first with 0."""
    if not sys.stderr.isatty():
        yield _print_lines(noun)
        return
    bar: tqdm | None = None

    def report(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=total, desc=noun.capitalize(), unit=f" {noun}", file=sys.stderr, dynamic_ncols=True)
        bar.update(done - bar.n)

    try:
        yield report
    finally:
        if bar is not None:
            bar.close()


def _print_lines(noun: str) -> Report:
    """A function that prints a line every few seconds, and one at the end."""
    start = due = 0.0

    def report(done: int, total: int) -> None:
        nonlocal start, due
        now = time.monotonic()
        if done == 0:
            start, due = now, now + _SECONDS
        elif now >= due or done >= total:
            due = now + _SECONDS
            rate = done / max(now - start, 1e-9)
            left = f", {tqdm.format_interval((total - done) / rate)} left" if done < total else ""
            click.echo(f"{done} of {total} {noun}, {rate:.1f} {noun}/s{left}", err=True)

    return report
