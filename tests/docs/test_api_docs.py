"""docs/api.md: its examples give what they say, its signatures are the real ones, and no public name is missing."""

import __future__

import doctest
import inspect
import re
from pathlib import Path

import pytest

import cam

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "api.md"
# What stands before the dot in a signature.
_OWNERS = {
    "cam": cam,
    "model": cam.Model,
    "explanation": cam.Explanation,
    "labels": cam.Labels,
    "attribution": cam.Attribution,
}


class _Fenced(doctest.DocTestParser):
    """Takes the fences of Markdown for empty lines, which end what an example is expected to print."""

    def parse(self, string, name="<string>"):
        return super().parse(re.sub(r"^```.*$", "", string, flags=re.MULTILINE), name)


def sections() -> dict[str, str]:
    """The text below each heading that is a name."""
    _, *parts = re.split(r"^#+ (.*)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name.strip("`"): text for name, text in zip(parts[::2], parts[1::2], strict=True) if name.startswith("`")}


SECTIONS = sections()


def signatures(text: str) -> list[str]:
    """Each signature in the Python blocks of a section, on one line or several."""
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [one.strip() for block in blocks for one in re.split(r"^(?=[a-z])", block, flags=re.MULTILINE) if one]


def bare(function) -> str:
    """A signature without types: names, order, kinds and defaults."""
    signature = inspect.signature(function)
    parameters = [one.replace(annotation=one.empty) for one in signature.parameters.values() if one.name != "self"]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def written(signature: str) -> str:
    """The same of a signature as it is written down."""
    names: dict = {}
    code = f"def function{signature[signature.index('(') :]}: ..."
    exec(compile(code, "api.md", "exec", flags=__future__.annotations.compiler_flag), names)
    return bare(names["function"])


def test_the_examples_give_what_they_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, parser=_Fenced(), encoding="utf-8")
    assert tried > 50
    assert failed == 0, "see the captured output"


@pytest.mark.parametrize("name", cam.__all__)
def test_every_public_name_has_its_signature_and_an_example(name):
    assert name in SECTIONS, f"docs/api.md has no section {name}"
    assert re.search(rf"cam\.{name}\(", "\n".join(signatures(SECTIONS[name])))
    examples = _Fenced().get_examples(SECTIONS[name])
    assert any(re.search(rf"\bcam\.{name}\b", example.source) for example in examples)


@pytest.mark.parametrize("signature", [one for text in SECTIONS.values() for one in signatures(text)])
def test_a_signature_is_the_real_one(signature):
    if signature.startswith("class "):
        name, bases = re.fullmatch(r"class cam\.(\w+)\((.*)\)", signature).groups()
        assert [base.__name__ for base in getattr(cam, name).__bases__] == bases.replace("cam.", "").split(", ")
        return
    owner, name = re.match(r"(\w+)\.(\w+)\(", signature).groups()
    assert written(signature) == bare(getattr(_OWNERS[owner], name))


def test_a_signature_with_another_default_is_noticed():
    assert written("cam.boxes(heatmap: ndarray, threshold: float = 0.2) -> list[Box]") == bare(cam.boxes)
    assert written("cam.boxes(heatmap: ndarray, threshold: float = 0.3) -> list[Box]") != bare(cam.boxes)
    assert written("cam.boxes(heatmap: ndarray, *, threshold: float = 0.2) -> list[Box]") != bare(cam.boxes)
