"""`python -m cam models`."""

import dataclasses
import json

import pytest

from cam.models import registry
from cam.models.registry import list_models


def test_each_network_is_a_line_with_what_it_is_and_whether_it_is_here(rows, run, home):
    (home / "models").mkdir()
    rows["small"].source.path.write_bytes(b"weights")
    done = run("models")
    assert (done.exit_code, done.stderr) == (0, "")
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["NAME", "NETWORK", "PARAMETERS", "INPUT", "TOP-1", "MAP", "HERE", "SIZE"]
    assert [line.split() for line in lines] == [
        "small Small 25.6 M 224 px 74.9 % exact yes 2 MB".split(),
        "large Large 25.6 M 224 px 74.9 % exact no 2 MB".split(),
        "gone Gone 25.6 M 224 px 74.9 % exact no 2 MB".split(),
        "changed Changed 25.6 M 224 px 74.9 % exact no 2 MB".split(),
        "efficientnet-lite0 EfficientNet-Lite0 4.7 M 224 px 75.1 % exact yes 18 MB".split(),
    ]
    assert len({line.index("px") for line in lines}) == 1 and "\x1b" not in done.stdout


def test_all_networks_of_the_registry_are_listed_once(run, home):
    lines = run("models").stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [spec.name for spec in list_models()]
    by_gradients = [line.split()[0] for line in lines if "by gradients" in line]
    assert by_gradients[0] == "vgg16" and by_gradients == [spec.name for spec in list_models() if not spec.exact]


def test_json_is_for_programs(rows, run, home):
    done = run("models --json")
    facts = {row["name"]: row for row in json.loads(done.stdout)}
    assert list(facts) == list(rows)
    assert facts["small"] == {
        "name": "small",
        "title": "Small",
        "parameters": 25_583_592,
        "input_size": 224,
        "top1": 74.9,
        "exact": True,
        "available": False,
        "bytes": 2 * 2**20,
        "path": None,
        "licence": "MIT",
    }
    embedded = facts["efficientnet-lite0"]
    assert embedded["available"] and embedded["path"].endswith(".pth") and embedded["bytes"] > 17 * 2**20


@pytest.mark.parametrize("missing", ["parameters", "size", "top1", "exact"])
def test_what_is_not_known_of_a_network_is_a_dash(rows, run, monkeypatch, missing):
    spec = dataclasses.replace(rows["small"], **{missing: None})
    monkeypatch.setattr(registry, "_SPECS", (spec,))
    cells = run("models").stdout.splitlines()[1].split()
    known = {"parameters": ["25.6", "M"], "size": ["224", "px"], "top1": ["74.9", "%"], "exact": ["exact"]}
    expected = [word for name, words in known.items() for word in (["-"] if name == missing else words)]
    assert cells == ["small", "Small", *expected, "no", "2", "MB"]
