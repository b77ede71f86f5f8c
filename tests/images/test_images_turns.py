"""However many photos come at once, few are in memory as they were stored, and what waits for a network is small."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from support.photo_files import encoded, noise, red

from cam.app import cache
from cam.app.widgets import download_menu
from cam.images import limits
from cam.images import open as images
from cam.images.open import open_image


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("turns", [1, 3])
def test_as_many_are_opened_at_a_time_as_the_settings_say(format, turns, monkeypatch):
    monkeypatch.setenv("CAM_DECODES", str(turns))
    limits._turns.cache_clear()
    at_once, most, lock, full = 0, 0, threading.Lock(), threading.Barrier(turns)
    real = images.convert_to_rgb

    def counted(image: Image.Image) -> Image.Image:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        # All turns are taken at the same time, or this breaks; then others come if they may.
        full.wait(30)
        with lock:
            at_once -= 1
        return real(image)

    monkeypatch.setattr(images, "convert_to_rgb", counted)
    data = encoded(noise(), format)
    with ThreadPoolExecutor(2 * turns) as pool:
        photos = list(pool.map(open_image, [data] * 2 * turns))
    limits._turns.cache_clear()
    assert most == turns
    assert {photo.size for photo in photos} == {(56, 40)}


def test_slow_files_of_other_processes_do_not_hold_up_the_rest():
    assert limits.turns("here") is limits.turns("here") is not limits.turns("apart")


@pytest.mark.parametrize(("size", "kept"), [((4000, 2000), (3394, 1697)), ((500_000, 16), (424_264, 14))])
def test_what_waits_for_a_forward_pass_is_small(size, kept):
    photo = cache.make_photo(encoded(red(*size), "PNG"), "red").image
    assert photo.size == kept and photo.width * photo.height <= cache.MAX_PIXELS * 1.05
    assert photo.getextrema() == ((255, 255), (0, 0), (0, 0))


def test_an_ordinary_photo_is_as_it_was_opened():
    data = encoded(noise(), "PNG")
    assert np.array_equal(np.asarray(cache.make_photo(data, "noise").image), np.asarray(open_image(data)))


def test_pictures_to_save_take_turns(monkeypatch):
    """Each is made at the photo's own resolution, which takes more memory than anything else."""
    at_once, most, lock, full = 0, 0, threading.Lock(), threading.Barrier(2)

    class Drawn:
        def save(self, *rest, **more) -> None:
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            full.wait(30)
            with lock:
                at_once -= 1

    monkeypatch.setattr(download_menu, "drawn", lambda *seen: Drawn())
    photo = cache.make_photo(encoded(noise(), "PNG"), "mine")
    view = download_menu.View("inferno", 60, None)
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: download_menu._overlay(photo, None, None, view), range(6))) == [b""] * 6
    assert most == 2
