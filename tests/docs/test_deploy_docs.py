"""What docs/deploy.md says of the log and the counters is what the program does."""

import json
import re
from pathlib import Path

from prometheus_client import generate_latest

import cam
from cam.server import telemetry

ROOT = Path(cam.__file__).parents[1]
TEXT = (ROOT / "docs" / "deploy.md").read_text("utf-8")
SOURCE = "\n".join(path.read_text("utf-8") for path in (ROOT / "cam").rglob("*.py"))


def test_everything_that_is_logged_is_in_the_table_and_nothing_else():
    table = TEXT.partition("| `asked` |")[2].partition("\n\n")[0]
    listed = {name for row in table.splitlines()[2:] for name in re.findall("`(.*?)`", row.split("|")[1])}
    # Those of `telemetry.track_run`, which chooses the word.
    answers = {"open", "page", "photo", "network", "class", "view"}
    assert listed - answers == set(re.findall(r'track\("([^"]*)"[,)]', SOURCE))
    assert answers <= listed and all(f'"{word}"' in SOURCE for word in answers)


def test_the_line_of_the_log_is_one_that_could_be_written():
    (line,) = re.findall("^```json\n(.*)\n```$", TEXT, re.MULTILINE)
    assert list(json.loads(line)) == [*"time level asked network fit detail bytes ms outcome".split()]


def test_the_counters_that_are_named_are_there(monkeypatch):
    monkeypatch.setattr(telemetry, "_counters", None)
    exposed = generate_latest(telemetry.start_counters().registry).decode()
    named = set(re.findall(r"`(classcam_\w+)`", TEXT))
    assert len(named) == 2
    for name in named:
        assert f"# TYPE {name} " in exposed


def test_the_files_that_it_links_to_are_there():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    assert links and all((ROOT / "docs" / link).is_file() for link in links)
