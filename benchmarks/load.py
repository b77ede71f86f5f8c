"""A class at once: sessions that upload photos of 12 megapixels and click through classes and pages, all checked.

Run: .venv/bin/python -m benchmarks.load    (needs the test requirements; 3 rounds of 10 minutes)

Prints a table, writes it to benchmarks/results/load.md after each round, and ends with 1 if any check failed.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.load_client import Client
from benchmarks.load_photos import make_photo
from benchmarks.load_report import Round, report
from benchmarks.load_server import ROOT, Server, Watch, running_server
from benchmarks.load_student import EVERY, Notes, Student

RESULTS = ROOT / "benchmarks" / "results" / "load.md"
# Seconds over which the students come in.
_JOINING = 20.0


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="classcam-load-") as folder:
        photos = _prepare(Path(folder), arguments.sessions, arguments.minutes)
        with running_server(Path(folder) / "server.txt") as server:
            rounds = asyncio.run(_run(server, photos, arguments))
        errors = _errors(Path(folder) / "server.txt")
    print(*errors, sep="\n")
    sys.exit(1 if errors or any(row.notes.failures for row in rounds) else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rest", type=float, default=130, help="seconds after a round; Streamlit keeps sessions 120")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser.parse_args()


def _prepare(folder: Path, sessions: int, minutes: float) -> Path:
    """Make all photos before anything is measured."""
    turns = int(60 * minutes / EVERY[0]) + 1
    names = [f"{student}-{turn}" for student in range(sessions) for turn in range(1, turns + 1)]
    with ProcessPoolExecutor() as pool:
        for name, _ in zip(names, pool.map(_save, names, [folder] * len(names)), strict=True):
            print(f"\rphoto {name}    ", end="", file=sys.stderr)
    print(file=sys.stderr)
    return folder


def _save(name: str, folder: Path) -> None:
    (folder / f"{name}.jpg").write_bytes(make_photo(name))


async def _run(server: Server, photos: Path, arguments: argparse.Namespace) -> list[Round]:
    # The first page loads the network; what comes after is what a class adds.
    await _visit(server)
    await asyncio.sleep(5)
    rounds: list[Round] = []
    for number in range(1, arguments.rounds + 1):
        rounds.append(await _round(server, photos, number, arguments))
        text = report(rounds, arguments.sessions, arguments.minutes)
        arguments.output.parent.mkdir(exist_ok=True)
        arguments.output.write_text(text, encoding="utf-8")
        print(text)
    return rounds


async def _round(server: Server, photos: Path, number: int, arguments: argparse.Namespace) -> Round:
    def photo_of(name: str) -> bytes:
        # A comment at the end makes it another file in each round, so that no result of an earlier round is found.
        return (photos / f"{name}.jpg").read_bytes() + f"round {number}".encode()

    notes, watch, rest = Notes(), Watch(server), server.memory()
    watching = asyncio.create_task(watch.watch())
    start, driver, served = time.perf_counter(), time.process_time(), server.seconds()
    end = start + 60 * arguments.minutes
    students = [Student(server.url, str(i), photo_of, notes) for i in range(arguments.sessions)]
    joins = [start + _JOINING * i / arguments.sessions for i in range(arguments.sessions)]
    await asyncio.gather(*(student.attend(at, end) for student, at in zip(students, joins, strict=True)))
    seconds = time.perf_counter() - start
    busy = (time.process_time() - driver) / seconds, (server.seconds() - served) / seconds
    left = server.memory()
    await asyncio.sleep(arguments.rest)
    # Streamlit lets go of sessions that were kept for a reconnection when another one comes or goes.
    await _visit(server)
    await asyncio.sleep(2)
    watching.cancel()
    return Round(number, notes, rest, watch.peak, left, server.memory(), *busy)


async def _visit(server: Server) -> None:
    async with Client(server.url) as client:
        await client.open()


def _errors(output: Path) -> list[str]:
    """What the server has said that looks like an error."""
    return [line for line in output.read_text().splitlines() if "Traceback" in line or "Error" in line]


if __name__ == "__main__":
    main()
