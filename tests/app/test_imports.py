"""Who imports what: the engine knows no page, and only what runs networks knows TensorFlow and Keras."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "cam"
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
# Who may import it, and who must, so that this test notices when it sees nothing at all.
ALLOWED = {
    "streamlit": (("app/", "server/"), "app/cache.py"),
    "keras": (("model.py", "backends/", "models/", "custom_models/"), "backends/keras.py"),
    "tensorflow": (("backends/", "models/", "custom_models/"), "backends/keras.py"),
    "click": (("__main__.py", "cli/"), "__main__.py"),
}
PAGES = ("app/", "server/", "batch/", "cli/", "__main__.")
HIGHER = ("cam.server", "cam.app", "cam.batch", "cam.cli", "cam.__main__")


def imported(path: Path) -> set[str]:
    """The full names of all modules that a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("library", ALLOWED)
def test_a_library_is_imported_only_where_it_may_be(library):
    allowed, needed = ALLOWED[library]
    users = {name for name, path in MODULES.items() if any(i.split(".")[0] == library for i in imported(path))}
    assert needed in users
    assert [name for name in users if not name.startswith(allowed)] == []


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith(PAGES)])
def test_the_engine_imports_nothing_of_the_page(name):
    assert not [module for module in imported(MODULES[name]) if module.startswith(HIGHER)]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("app/")])
def test_pages_ask_the_engine_through_the_cache(name):
    if name != "app/cache.py":
        assert "cam.model" not in imported(MODULES[name])
