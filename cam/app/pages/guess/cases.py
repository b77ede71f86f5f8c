"""The cases of the page "Guess first": photos, classes and networks that each teach one thing about maps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One case: the subject, the question before the map, and the lesson that the map teaches.

    In `question` and `lesson`, {label}, {rank}, {classes} and {probability} are the class's; the case `OWN` is about
    the photo, class and network that the other pages show, and names none.
    """

    name: str
    title: str
    sample: str
    label: str
    question: str
    lesson: str
    network: str = "efficientnet-lite2"
    fit: str = "whole"


OWN = "own"
CASES = (
    Case(
        "two",
        "Two animals",
        "dog_and_cat",
        "German shepherd",
        "One photo, two animals. The network has a score for each.",
        "Every class has a map of its own. Nearly all the evidence for {label} lies in the dog's half of the photo.",
    ),
    Case(
        "many",
        "Many of one",
        "hens",
        "hen",
        "Four hens. Does one of them make the score, or do all?",
        "All four hens add evidence: the score is made of what every place adds.",
    ),
    Case(
        "place",
        "Out of place",
        "astronaut",
        "space shuttle",
        "A model of a space shuttle stands in a portrait. Does the network notice it?",
        "Most of the evidence lies around the model, yet the class only ranks {rank} of 1,000 ({probability}). "
        "A map shows where, not how sure.",
    ),
    Case(
        "none",
        "No class for it",
        "astronaut",
        "football helmet",
        "There is no class “astronaut”. The network names one of its 1,000 classes all the same: football helmet.",
        "Most of the evidence lies around the helmet, bottom right. The class comes first with only {probability}: "
        "the best of 1,000 answers need not be a good one.",
    ),
    Case(
        "squashed",
        "Squashed",
        "crab",
        "fiddler crab",
        "The network says rock crab. For the same photo squashed to a square, it says fiddler crab.",
        "Nothing but the shape and size of the input changed, and another class came first ({label}, {probability}). "
        "A network sees its input, not your photo.",
        fit="squash",
    ),
    Case(
        "random",
        "Random weights",
        "german_shepherd",
        "German shepherd",
        "The weights of this network are shuffled, so it knows nothing. What will its map look like?",
        "The map has bright and dark places, as if it meant something. Yet {label} ranks {rank} of 1,000. "
        "A map that looks right proves nothing by itself (Adebayo and others, 2018).",
        network="efficientnet-lite2-random",
    ),
    Case(
        OWN,
        "This photo",
        "",
        "",
        "Your choice of photo, class and network.",
        "{label} ranks {rank} of {classes} ({probability}).",
    ),
)
