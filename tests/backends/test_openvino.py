"""Networks run by OpenVINO: TensorFlow's numbers, a start without Keras, and a cache that may be damaged or missing."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType

import numpy as np
import pytest

import cam
from cam.backends import conversion_cache, openvino
from cam.backends import load as loading
from cam.backends.imports import has_openvino
from cam.errors import ModelError
from cam.models.registry import find_spec
from cam.sandbox import call_in_child
from cam.settings import library_options

pytestmark = pytest.mark.skipif(not has_openvino(), reason="OpenVINO is not installed: pip install '.[fast]'")

ROOT = Path(__file__).parents[2]
LITE0 = "efficientnet-lite0"
# What a fresh process sees: the network's class, its best class and score, and what was imported for it and its maps.
REPORT = """
import sys, cam
from cam.analysis.convolution_equivalence import compute_class_maps
from cam.settings import library_options
model = cam.load_model("efficientnet-lite0", options=library_options())
explanation = model.explain(cam.open_image("sample_images/koala.jpg"))
best = explanation.top(1)[0]
assert abs(compute_class_maps(explanation)[:, :, 105].mean() + explanation.bias[105] - best.score) < 1e-3
names = [name for name in sorted(sys.modules) if name in ("keras", "tensorflow") or "telemetry" in name.split(".")[0]]
print(type(model.backend).__name__, best.index, round(best.score, 2), [n for n in names if sys.modules[n]])
"""
# The first page, from the sample that it opens with to the heat of another class, and the page "Why it can"; and then
# another method.
PAGE = """
import sys
sys.path.insert(0, "tests")
from support import app_page
from cam.server import model_store
page = app_page.open_page(network="efficientnet-lite2")
first = app_page.heat_pixels(page)
page.session_state.chosen = 7
page.run()
assert not page.exception and (app_page.heat_pixels(page) != first).any()
network = model_store.loaded_model("efficientnet-lite2").backend
from streamlit.testing.v1 import AppTest
why = AppTest.from_string("from cam.app.pages.architecture import show_page; show_page()", default_timeout=60)
why._bidi_component_manager = app_page._components()
why.query_params.update({"network": "efficientnet-lite2"})
why.run()
assert not why.exception and any("89.4 %" in text.value for text in why.markdown)
print(type(network).__name__, network.passes, [n for n in ("keras", "tensorflow") if n in sys.modules])
from cam.app import cache
from cam.app.widgets.sample_gallery import list_samples
photo = list_samples()["koala"].photo()
assert cache.explain(photo, "efficientnet-lite2", cache.ExplainOptions(method="grad-cam")).class_map(105).max() > 0
print([n for n in ("keras", "tensorflow") if n in sys.modules])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache of this test."""
    monkeypatch.setenv("CAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def spec():
    return find_spec(LITE0)


@pytest.fixture(scope="module")
def record(lite0):
    """The network, converted once."""
    return openvino.convert(lite0.backend.keras, lite0.noise())


@pytest.fixture
def kept(folder, spec, record):
    """The file of a network that was converted before, in a cache of this test."""
    path = conversion_cache.cache_path(folder, spec, spec.source.require())
    conversion_cache.write(path, record)
    assert [file.name for file in folder.iterdir()] == [path.name]
    return path


@pytest.fixture
def here(monkeypatch):
    """What else is done in another process is done in this one, where a test can change and see it."""
    monkeypatch.setattr(loading, "call_in_child", lambda function, *arguments: resolve_name(function)(*arguments))


@pytest.fixture
def conversions(monkeypatch, record, here):
    """The networks that were converted in this test; converting takes seconds, so they all get the same record."""
    made = []
    monkeypatch.setattr(openvino, "convert", lambda network, pixels: made.append(network) or record)
    return made


def load_lite0() -> cam.Model:
    return cam.load_model(LITE0, options=library_options())


def in_a_process(home: Path, code: str = REPORT, **environ: str) -> subprocess.Popen:
    settings = {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT), **environ}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("size", [(224, 224), (640, 427), (300, 900), (64, 1200)])
def test_scores_and_maps_are_those_of_tensorflow(lite0, by_keras, noise_photo, size):
    assert isinstance(lite0.backend, openvino.OpenVINOBackend)
    for fit in ("whole", "squash"):
        found, expected = (model.explain(noise_photo(*size), fit=fit) for model in (lite0, by_keras))
        assert found.input_size == expected.input_size
        np.testing.assert_allclose(found.features, expected.features, atol=1e-3)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
        np.testing.assert_allclose(found.class_map(235), expected.class_map(235), atol=1e-3)


def test_real_photos_several_sizes_and_a_batch_agree_with_tensorflow(lite0, by_keras, sample):
    photos = [sample(name) for name in ("koala", "espresso", "dog_and_cat")]
    for found, photo in zip(lite0.explain_many(photos), photos, strict=True):
        expected = by_keras.explain(photo)
        assert [one.index for one in found.top(5)] == [one.index for one in expected.top(5)]
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
    found, expected = (model.explain(photos[0], detail=True) for model in (lite0, by_keras))
    np.testing.assert_allclose(found.class_map(105), expected.class_map(105), atol=1e-3)


def test_threads_get_the_numbers_of_one(lite0, noise_photo):
    photos = [noise_photo(200 + 40 * number, 300, number) for number in range(6)]
    alone = [lite0.explain(photo).features for photo in photos]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda photo: lite0.explain(photo).features, photos))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_network_that_was_kept_is_not_built_until_a_gradient_is_asked_for(kept, conversions, noise_photo):
    model = load_lite0()
    network = model.backend
    model.explain(noise_photo(100, 80))
    assert (conversions, network._keras, model.passes) == ([], None, 1)
    by_gradients = model.explain(noise_photo(100, 80), method="grad-cam").class_map(7)
    exact = model.explain(noise_photo(100, 80)).class_map(7)
    # With a linear head, Grad-CAM is the class map over the number of cells, as far as it is above zero.
    cells = np.maximum(exact / exact.size, 0)
    np.testing.assert_allclose(np.maximum(by_gradients, 0), cells, atol=1e-4)
    assert network._keras is not None and model.passes > 2
    assert model.layers == network.keras.layers and len(model.layers) > 20


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "not XML", "another answer"])
def test_a_damaged_file_is_made_again(kept, record, conversions, caplog, damage):
    data = kept.read_bytes()
    half = len(data) // 2
    if damage == "not XML":
        conversion_cache.write(kept, replace(record, graph=b"<net>"))
    elif damage == "another answer":
        conversion_cache.write(kept, replace(record, output=record.output + 0.01))
    else:
        flipped = data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]
        kept.write_bytes({"cut": data[:half], "empty": b"", "text": b"not a network"}.get(damage, flipped))
    model = load_lite0()
    assert len(conversions) == 1 and "is made again" in caplog.text
    assert isinstance(model.backend, openvino.OpenVINOBackend)
    assert kept.read_bytes() == data
    assert load_lite0().backend._keras is None and len(conversions) == 1


def test_a_full_disk_leaves_nothing_behind_and_stops_nothing(folder, conversions, monkeypatch, caplog):
    def full(file, **arrays):
        file.write(b"the first bytes")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(conversion_cache.np, "savez", full)
    model = load_lite0()
    assert isinstance(model.backend, openvino.OpenVINOBackend)
    assert list(folder.iterdir()) == []
    assert "No space left on device" in caplog.text


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path, conversions, monkeypatch, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAM_CACHE", str(tmp_path / "file" / "cache"))
    assert isinstance(load_lite0().backend, openvino.OpenVINOBackend)
    assert "is not kept" in caplog.text


def test_a_network_that_does_not_convert_is_run_by_tensorflow(folder, here, monkeypatch, caplog, noise_photo):
    def fail(network, pixels):
        raise RuntimeError("no such operation")

    monkeypatch.setattr(openvino, "convert", fail)
    model = load_lite0()
    assert type(model.backend).__name__ == "KerasBackend" and "no such operation" in caplog.text
    model.explain(noise_photo(40, 40))
    assert model.passes == 1


def test_the_name_of_the_file_changes_with_weights_builder_and_versions(spec, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    shuffled = find_spec("efficientnet-lite2-random")
    lite2 = find_spec("efficientnet-lite2")
    names = [conversion_cache.cache_path(tmp_path, spec, tmp_path / file).name for file in "ab"]
    names += [
        conversion_cache.cache_path(tmp_path, row, tmp_path / "a").name.removeprefix("efficientnet-")
        for row in (lite2, shuffled)
    ]
    monkeypatch.setattr(conversion_cache.metadata, "version", lambda name: "99")
    names.append(conversion_cache.cache_path(tmp_path, spec, tmp_path / "a").name)
    assert len({name.split("-")[-1] for name in names}) == 5


def test_only_the_networks_used_last_stay(kept, monkeypatch):
    monkeypatch.setattr(conversion_cache, "_KEPT", 2)
    found = conversion_cache.read(kept)
    for place in range(2):
        conversion_cache.write(kept.with_name(f"{place}{kept.name}"), found)
        os.utime(kept.with_name(f"{place}{kept.name}"), (place, place))
    assert conversion_cache.read(kept) is not None
    conversion_cache.write(kept.with_name(f"2{kept.name}"), found)
    assert sorted(file.name for file in kept.parent.iterdir()) == [f"2{kept.name}", kept.name]


def test_a_folder_for_reading_only_serves_what_is_in_it(kept, conversions, monkeypatch, caplog):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(conversion_cache.os, "utime", refuse)
    assert load_lite0().backend._keras is None
    assert (conversions, caplog.text) == ([], "")


def test_what_a_process_left_half_written_goes_later_and_other_files_never(kept, record):
    left = [kept.with_name(name) for name in (".a.network.npz.part", ".b.network.npz.part", "film.part")]
    for file in left:
        file.write_bytes(b"half")
    for file in (left[0], left[2]):
        os.utime(file, (0, 0))
    conversion_cache.write(kept, record)
    assert sorted(file.name for file in kept.parent.iterdir()) == sorted([kept.name, left[1].name, left[2].name])


def test_a_planted_pickle_is_not_run(kept, record, conversions, caplog):
    class Planted:
        def __reduce__(self):
            return (Path.touch, (kept.with_name("planted"),))

    np.savez(kept, about=np.array([Planted()], dtype=object))
    assert isinstance(load_lite0().backend, openvino.OpenVINOBackend)
    assert len(conversions) == 1 and "is made again" in caplog.text
    assert not kept.with_name("planted").exists()


def test_an_openvino_that_cannot_be_imported_counts_as_none(kept, conversions, monkeypatch, caplog, noise_photo):
    def fail():
        raise ImportError("no library for this machine")

    monkeypatch.setattr(openvino, "import_openvino", fail)
    model = load_lite0()
    assert type(model.backend).__name__ == "KerasBackend" and "no library for this machine" in caplog.text
    assert model.explain(noise_photo(40, 40)).scores.shape == (1000,)


def test_neither_page_needs_tensorflow_and_another_method_brings_it(tmp_path):
    # The first start, and the next.
    for _ in range(2):
        out, errors = in_a_process(tmp_path, PAGE, CAM_CACHE=str(tmp_path / "cache")).communicate(timeout=300)
        # A photo of each page was looked at.
        assert out.splitlines() == ["OpenVINOBackend 2 []", "['keras', 'tensorflow']"], errors


def test_two_processes_at_once_and_then_one_without_keras_and_without_telemetry(folder, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    both = [in_a_process(home, CAM_CACHE=str(folder)) for _ in range(2)]
    first = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], first
    again = in_a_process(home, CAM_CACHE=str(folder))
    out, errors = again.communicate(timeout=300)
    assert out.split()[:2] == ["OpenVINOBackend", "105"], errors
    assert out.endswith("[]\n"), "Keras or TensorFlow was imported, or OpenVINO's telemetry"
    assert {text for text, _ in first} == {out}
    assert len(list(folder.iterdir())) == 1
    assert not (home / "intel").exists()


def test_where_nothing_can_be_kept_the_network_is_handed_over_all_the_same(tmp_path):
    (tmp_path / "file").write_text("in the way")
    out, errors = in_a_process(tmp_path, CAM_CACHE=str(tmp_path / "file" / "cache")).communicate(timeout=300)
    assert out.startswith("OpenVINOBackend 105 ") and out.endswith("[]\n") and "is not kept" in errors


def test_weights_of_another_network_are_refused_in_the_same_words_by_either_process(folder, spec, here):
    swapped = replace(spec, source=find_spec("efficientnet-lite2").source)
    with pytest.raises(ModelError) as by_this:
        loading.load(swapped, library_options(), cam.Model)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ModelError) as by_another:
        patch.setattr(loading, "call_in_child", call_in_child)
        # Were it built here too, that would be another sentence.
        patch.setattr(loading, "_build", None)
        loading.load(swapped, library_options(), cam.Model)
    assert "belong to another network" in str(by_this.value)
    assert str(by_another.value) == str(by_this.value)


def test_a_network_whose_maps_differ_from_those_of_keras_is_run_by_tensorflow_and_not_kept(
    folder, here, record, monkeypatch, caplog
):
    monkeypatch.setattr(
        loading,
        "_convert",
        lambda network, noise: (record, 1.01 * network.feature_maps(noise[np.newaxis], counted=False)[0]),
    )
    model = load_lite0()
    assert type(model.backend).__name__ == "KerasBackend" and not folder.exists()
    assert caplog.text.count("OpenVINO's feature maps differ from TensorFlow's") == 2


def test_a_process_that_is_ended_is_told_in_the_log_and_the_network_is_built_here(
    folder, conversions, monkeypatch, caplog
):
    def end(function, *arguments):
        raise RuntimeError("ended with exit code -9")

    monkeypatch.setattr(loading, "call_in_child", end)
    model = load_lite0()
    assert isinstance(model.backend, openvino.OpenVINOBackend) and len(conversions) == 1
    assert "EfficientNet-Lite0 is built in the same process" in caplog.text and "exit code -9" in caplog.text
    assert load_lite0().backend._keras is None and len(conversions) == 1


def test_a_network_that_only_this_process_can_build_is_built_here(folder, spec, monkeypatch, caplog, noise_photo):
    module = ModuleType("only_here")
    module.build = resolve_name(spec.builder)
    monkeypatch.setitem(sys.modules, "only_here", module)
    model = loading.load(replace(spec, builder="only_here:build"), library_options(), cam.Model)
    assert isinstance(model.backend, openvino.OpenVINOBackend) and "No module named 'only_here'" in caplog.text
    assert model.explain(noise_photo(40, 40)).scores.shape == (1000,)
