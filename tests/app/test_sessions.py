"""Two people at once: what one of them uploads is never sent to the other."""

import pytest
from support.app_page import (
    DOG,
    class_of,
    engine,
    everything_sent,
    file_of,
    gallery,
    open_page,
    passes,
    picture,
    upload,
    works,
)

from cam.app import cache


@pytest.fixture(scope="module")
def secret(noise_photo) -> bytes:
    return file_of(noise_photo(320, 240, 99))


def marks(data: bytes) -> dict[str, str]:
    """What would give a photo away: its digest, its name, and its picture."""
    photo = cache.make_photo(data, "my secret.jpg")
    return {"digest": photo.digest, "name": photo.title, "picture": photo.uri}


def found(at, data: bytes) -> list[str]:
    sent = everything_sent(at)
    return [name for name, text in marks(data).items() if text in sent]


def test_an_upload_is_sent_to_its_own_session_only(secret):
    early = open_page()
    owner = upload(open_page(), secret, "my secret.jpg")
    assert found(owner, secret) == ["digest", "name", "picture"]
    late = open_page()
    assert found(early.run(), secret) == found(late, secret) == []
    assert works(early) and works(late)


def test_an_upload_stays_unseen_while_the_other_session_uses_everything(secret):
    other = open_page()
    upload(open_page(), secret, "my secret.jpg")
    for step in (
        lambda: gallery(other).set_value("crab").run(),
        lambda: other.selectbox(key="search").set_value(DOG).run(),
        lambda: other.selectbox(key="fit").set_value("squash").run(),
        lambda: upload(other, b"not a photo", "wrong.jpg"),
    ):
        assert found(step(), secret) == []


def test_an_upload_leaves_the_choices_of_the_other_session_alone(secret):
    other = open_page(photo="crab", colors="Viridis")
    before = picture(other, "heat"), picture(other, "photo")
    owner = upload(open_page(), secret)
    owner.selectbox(key="search").set_value(DOG).run()
    other.run()
    assert (picture(other, "heat"), picture(other, "photo")) == before
    assert class_of(owner) == DOG


def test_the_error_of_one_session_is_not_shown_in_the_other():
    other = open_page()
    assert upload(open_page(), b"not a photo").error
    assert not other.run().error


def test_who_has_the_same_photo_gets_the_same_result_without_a_second_pass(secret, fresh):
    first = upload(open_page(), secret, "one.jpg")
    passed = passes()
    second = upload(open_page(), secret, "two.jpg")
    assert passes() == passed
    assert picture(first, "heat") == picture(second, "heat")
    assert picture(second, "photo")["title"] == "two.jpg"
    assert class_of(second) == engine(secret).top(1)[0].index
