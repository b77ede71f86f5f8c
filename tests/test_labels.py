"""The 1,000 names, against classes known from elsewhere, and finding one by what a person types."""

import csv
import re
from importlib import resources

import numpy as np
import pytest

from cam.errors import CamError, LabelError
from cam.labels import Labels, imagenet_labels

KNOWN = {
    0: "tench",
    207: "Golden Retriever",
    235: "German shepherd",
    281: "tabby",
    285: "Egyptian cat",
    388: "giant panda",
    657: "missile",
    837: "sunglasses",
    967: "espresso",
}


@pytest.fixture
def pets() -> Labels:
    return Labels(
        names=("Tabby", "crane (bird)", "crane (machine)", "lynx", "sea lion"),
        synonyms=(("tabby cat", "mouser"), ("crane",), ("crane", "Derrick"), ("tabby", "catamount"), ()),
    )


def test_imagenet_has_1000_unique_names():
    labels = imagenet_labels()
    assert len(labels) == len(labels.names) == len(set(map(str.casefold, labels.names))) == 1000


@pytest.mark.parametrize(("index", "name"), KNOWN.items())
def test_well_known_classes_are_where_imagenet_has_them(index, name):
    assert imagenet_labels().names[index] == name
    assert imagenet_labels().index(name) == index


def test_the_table_has_1000_unique_wordnet_ids_in_rising_order():
    """ILSVRC 2012 numbers its classes in the order of their WordNet ids."""
    with resources.files("cam").joinpath("imagenet_classes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ids = [row["wordnet_id"] for row in rows]
    assert [int(row["index"]) for row in rows] == list(range(1000))
    assert all(re.fullmatch(r"n\d{8}", wordnet_id) for wordnet_id in ids)
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("wordnet_id", "index"), [("n02099601", 207), ("n02106662", 235), ("n02123045", 281), ("n02510455", 388)]
)
def test_wordnet_ids_stand_by_their_class(wordnet_id, index):
    text = resources.files("cam").joinpath("imagenet_classes.csv").read_text(encoding="utf-8")
    assert f"\n{index},{wordnet_id},{imagenet_labels().names[index]}," in text


def test_every_name_finds_its_own_class():
    labels = imagenet_labels()
    assert [labels.index(name) for name in labels.names] == list(range(1000))


@pytest.mark.parametrize("text", ["tabby", "TABBY", "  tabby\n", "Tabby Cat", "mouser"])
def test_case_and_outer_spaces_do_not_matter_and_synonyms_are_found(pets, text):
    assert pets.index(text) == 0


@pytest.mark.parametrize(
    ("text", "index"), [("Alsatian", 235), ("panda bear", 388), ("cougar", 286), ("TABBY CAT", 281)]
)
def test_imagenet_synonyms_are_found(text, index):
    assert imagenet_labels().index(text) == index


def test_a_name_wins_over_another_class_s_synonym(pets):
    assert "tabby" in pets.synonyms[3]
    assert pets.index("tabby") == 0


@pytest.mark.parametrize(("text", "index", "other"), [("missile", 657, 744), ("sunglasses", 837, 836)])
def test_an_imagenet_name_wins_over_another_class_s_synonym(text, index, other):
    assert text in imagenet_labels().synonyms[other]
    assert imagenet_labels().index(text) == index


@pytest.mark.parametrize(
    ("text", "both"),
    [
        ("crane", ("'crane (bird)' (134)", "'crane (machine)' (517)")),
        ("Maillot", ("'maillot (gymnastics)' (638)", "'maillot (swimsuit)' (639)")),
    ],
)
def test_a_synonym_of_two_classes_lists_both(text, both):
    with pytest.raises(LabelError) as caught:
        imagenet_labels().index(text)
    assert repr(text) in str(caught.value)
    assert all(name in str(caught.value) for name in both)


def test_the_message_about_an_ambiguous_synonym_is_a_sentence(pets):
    with pytest.raises(LabelError) as caught:
        pets.index("crane")
    assert str(caught.value) == "'crane' could be 'crane (bird)' (1) or 'crane (machine)' (2). Use one of these names."


def test_an_unknown_name_lists_the_near_ones():
    with pytest.raises(LabelError, match=r"no class 'golden retreiver'\. Near it: 'Golden Retriever' \(207\)"):
        imagenet_labels().index("golden retreiver")


@pytest.mark.parametrize("text", ["qqqqqqqq", "", "   "])
def test_an_unknown_name_near_no_other_says_what_to_do(pets, text):
    with pytest.raises(LabelError, match=r"no class '.*'\. Search the list"):
        pets.index(text)


def test_near_lists_names_that_contain_the_text_before_those_spelled_like_it(pets):
    assert pets.near("lion") == [4]
    assert pets.near("tabby") == [0]
    assert pets.near("cat") == [0, 3]
    assert pets.near("c") == [1, 2, 0, 3]
    assert pets.near("catamont") == [3]
    assert pets.near("crane") == [1, 2]
    assert pets.near(" ") == []


def test_near_gives_no_more_classes_than_asked_for():
    assert len(imagenet_labels().near("terrier", 3)) == 3
    assert all("terrier" in imagenet_labels().names[i].casefold() for i in imagenet_labels().near("terrier", 3))


@pytest.mark.parametrize("index", [5, -1, 10**9])
def test_an_index_out_of_range_says_the_range(pets, index):
    with pytest.raises(LabelError, match=f"no class {index}: this network has the classes 0 to 4"):
        pets.index(index)


@pytest.mark.parametrize("wanted", [True, False, 2.0, None, np.float32(1), np.bool_(True), (1,), b"tabby"])
def test_what_is_neither_an_index_nor_a_name_is_refused(pets, wanted):
    with pytest.raises(LabelError, match=f"not by {re.escape(repr(wanted))}"):
        pets.index(wanted)


@pytest.mark.parametrize("wanted", [3, np.int64(3), np.uint8(3), np.int32(3)])
def test_integers_of_python_and_numpy_are_indices(pets, wanted):
    index = pets.index(wanted)
    assert index == 3
    assert type(index) is int


def test_a_label_error_is_what_a_user_causes_and_a_lookup_that_fails(pets):
    for kind in (CamError, LookupError):
        with pytest.raises(kind):
            pets.index("elephant")


@pytest.mark.parametrize(
    ("names", "synonyms"), [(("cat", "cat"), ((), ())), (("cat", "Cat"), ((), ())), (("cat", "dog"), ((),))]
)
def test_names_must_be_unique_with_synonyms_for_each(names, synonyms):
    with pytest.raises(ValueError, match="unique"):
        Labels(names=names, synonyms=synonyms)
