"""How time and memory grow: with the photo's size, the classes shown, the photos of one session, and sessions.

Run: .venv/bin/python -m benchmarks.growth [--only sizes classes photos sessions]    (Linux; prints Markdown)

Times are medians of rounds in which all rows take turns. Memory is the server's RSS, or the peak of a process of its
own.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path

from benchmarks.growth_photos import photo_file

FORMATS = ("JPEG", "PNG", "HEIF", "TIFF")
SIZES = (1, 4, 12, 24, 40)
ROUNDS = 5
NETWORK = "efficientnet-lite2"
# Of all steps with one photo, in the order in which a visitor waits for them.
STEPS = ("open", "picture for the browser", "forward pass", "map of a class")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table, numbers to the right."""
    head = list(head)
    print(f"| {' | '.join(head)} |\n|{'|'.join(['---', *['---:'] * (len(head) - 1)])}|")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
    print()


def sizes() -> None:
    """A photo, from the file to the heat: seconds of each step, and memory."""
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for format in FORMATS:
            for size in SIZES:
                files[format, size] = Path(folder) / f"{format}-{size}"
                files[format, size].write_bytes(photo_file(size, format))
        seconds = _in_a_process("steps", *files.values())
        rows = []
        for (format, size), path in files.items():
            taken = seconds[str(path)]
            peak = _in_a_process("peak", path)
            rows.append(
                [f"{format}, {size} MP", f"{path.stat().st_size / 2**20:.1f} MB"]
                + [f"{1000 * statistics.median(taken[step]):.0f} ms" for step in STEPS]
                + [f"{peak['here']:.0f} MB", f"{peak['apart']:.0f} MB" if peak["apart"] else "-"]
            )
    table(["photo", "file", *STEPS, "most memory", "of its own process"], rows)


def _in_a_process(work: str, *paths: Path) -> dict:
    command = [sys.executable, "-m", "benchmarks.growth", "--work", work, *map(str, paths)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def steps(paths: list[str]) -> dict:
    """Seconds of each step for each file, all in turn, `ROUNDS` times after one that does not count."""
    import streamlit as st

    from cam.app import cache
    from cam.server import model_store

    model_store.loaded_model(NETWORK)
    found = {path: {step: [] for step in STEPS} for path in paths}
    for turn in range(ROUNDS + 1):
        for path in paths:
            st.cache_resource.clear()
            for step, work in _steps_of(cache.make_photo(Path(path).read_bytes(), "photo")).items():
                start = time.perf_counter()
                work()
                if turn:
                    found[path][step].append(time.perf_counter() - start)
    return found


def _steps_of(photo) -> dict[str, Callable]:
    """What is done for a photo, each after what it needs, by the names in `STEPS`."""
    from cam.app import cache
    from cam.app.components.picture import map_size
    from cam.render import heat_layer

    def drawn() -> None:
        heatmap = cache.explain(photo, NETWORK, whole).heatmap(1, size=map_size(photo.size))
        cache.encode_uri(heat_layer(heatmap), "PNG", compress_level=1)

    whole = cache.ExplainOptions()
    work = (lambda: photo.image, lambda: photo.uri, partial(cache.explain, photo, NETWORK, whole), drawn)
    return dict(zip(STEPS, work, strict=True))


def peak(paths: list[str]) -> dict[str, float]:
    """MB by which opening and showing a photo raises the peak of a process, and the peak of the one that decodes."""
    from cam.app import cache
    from cam.images import open as open_module

    def most() -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    photo = cache.make_photo(Path(paths[0]).read_bytes(), "photo")
    before = most()
    photo.uri  # noqa: B018, it is made when it is read
    # Its peak is told when it has ended.
    open_module._POOL.close()
    return {"here": most() - before, "apart": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}


def with_server(work: Callable[..., Awaitable[None]]) -> None:
    """Run what speaks to a server of its own: (server) -> coroutine."""
    from benchmarks.load_server import running_server

    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "server.txt") as server:
        asyncio.run(work(server))


def has_heat(page) -> bool:
    return "heat" in page.pictures()


async def classes(server) -> None:
    """The seconds of a class change, and what comes over the wire, while so many classes are listed."""
    from benchmarks.load_client import Client

    client = Client(server.url)
    await client.open()
    received = []
    take = client._take
    client._take = lambda data: (received.append(len(data)), take(data))
    rows = []
    for count in (5, 10, 15, 20):
        await client.change("classes", "string_value", f"{count} classes")
        row = client.page.widget("row")
        seconds, sizes = [], []
        for turn in range(4 * ROUNDS):
            received.clear()
            start = time.perf_counter()
            await client.change("row", "string_value", row.options[turn % 5])
            seconds.append(time.perf_counter() - start)
            sizes.append(sum(received))
        rows.append(
            [str(count), f"{1000 * statistics.median(seconds):.0f} ms", f"{statistics.median(sizes) / 1000:.0f} kB"]
        )
    await client.close()
    table(["classes listed", "class change, server", "sent"], rows)


async def photos(server) -> None:
    """Memory of the server while one session uploads one photo after the other."""
    from benchmarks.load_client import Client

    client = Client(server.url)
    await client.open()
    rows, start = [["0", f"{server.memory() / 2**20:.0f} MB", "-"]], time.perf_counter()
    for number in range(1, 101):
        await client.upload(f"{number}.jpg", photo_file(12, number=number), has_heat)
        if number in (1, 5, 10, 25, 50, 100):
            each = (time.perf_counter() - start) / number
            rows.append([str(number), f"{server.memory() / 2**20:.0f} MB", f"{each:.2f} s"])
    await client.close()
    table(["photos of 12 MP in one session", "memory", "each, with its making"], rows)


async def sessions(server) -> None:
    """Memory of the server with sessions that do nothing, and after each has uploaded a photo of its own."""
    from benchmarks.load_client import Client

    await asyncio.sleep(10)
    rows = [["0, network loaded", f"{server.memory() / 2**20:.0f} MB"]]
    clients = []
    for count in (1, 10, 20, 30):
        while len(clients) < count:
            clients.append(Client(server.url))
            await clients[-1].open()
        rows.append([f"{count}, idle", f"{server.memory() / 2**20:.0f} MB"])
    for number, client in enumerate(clients, 1):
        await client.upload(f"{number}.jpg", photo_file(12, number=number), has_heat)
    rows.append([f"{len(clients)}, each with a photo of 12 MP", f"{server.memory() / 2**20:.0f} MB"])
    for client in clients:
        await client.close()
    table(["sessions", "memory"], rows)


SECTIONS = {
    "sizes": sizes,
    "classes": lambda: with_server(classes),
    "photos": lambda: with_server(photos),
    "sessions": lambda: with_server(sessions),
}
_WORK = {"steps": steps, "peak": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--work", choices=list(_WORK), help=argparse.SUPPRESS)
    parser.add_argument("paths", nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        print(json.dumps(_WORK[given.work](given.paths)))
        return
    for name in given.only:
        SECTIONS[name]()


if __name__ == "__main__":
    main()
