"""What an object's text asks of its shape: pose, view, direction, part, number; and what no shape can show.

A word acts through *traits* that each remembered outline carries, scores in [-1, 1] (data/traits). Words that a shape
cannot show, colours first of all, are named in a note, not silently dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from smartmask.models.words import word_set

TRAITS = (
    "standing", "sitting", "lying", "riding", "running", "walking", "jumping", "flying", "grazing",
    "side", "front", "behind", "left", "bust",
)  # fmt: skip
MIRRORED = ("left",)  # change their sign in the mirror

# word or phrase: the traits that it asks for (1) or against (-1)
WORDS: dict[str, dict[str, float]] = {
    "standing": {"standing": 1}, "stands": {"standing": 1}, "upright": {"standing": 1},
    "sitting": {"sitting": 1}, "sits": {"sitting": 1}, "seated": {"sitting": 1}, "crouching": {"sitting": 1},
    "lying": {"lying": 1}, "laying": {"lying": 1}, "lies": {"lying": 1}, "sleeping": {"lying": 1},
    "asleep": {"lying": 1}, "resting": {"lying": 1}, "curled up": {"lying": 1},
    "riding": {"riding": 1}, "rides": {"riding": 1}, "on horseback": {"riding": 1},
    "running": {"running": 1}, "runs": {"running": 1}, "galloping": {"running": 1}, "sprinting": {"running": 1},
    "walking": {"walking": 1}, "walks": {"walking": 1}, "strolling": {"walking": 1}, "grazing": {"grazing": 1},
    "jumping": {"jumping": 1}, "leaping": {"jumping": 1}, "jumps": {"jumping": 1},
    "flying": {"flying": 1}, "flies": {"flying": 1}, "soaring": {"flying": 1},
    "seen from behind": {"behind": 1}, "from behind": {"behind": 1}, "from the back": {"behind": 1},
    "from the rear": {"behind": 1}, "back view": {"behind": 1}, "rear view": {"behind": 1}, 
    "facing away": {"behind": 1},
    "from the side": {"side": 1}, "side view": {"side": 1}, "in profile": {"side": 1}, "sideways": {"side": 1},
    "from the front": {"front": 1}, "front view": {"front": 1}, "frontal": {"front": 1},
    "facing the camera": {"front": 1}, "facing forward": {"front": 1}, "facing us": {"front": 1},
    "facing left": {"left": 1}, "looking left": {"left": 1}, "heading left": {"left": 1}, "to the left": {"left": 1},
    "facing right": {"left": -1}, "looking right": {"left": -1}, "heading right": {"left": -1},
    "to the right": {"left": -1},
}  # fmt: skip
PARTS = ("head", "bust", "portrait", "face", "upper body", "half length")
NUMBERS = {"a pair of": 2, "a couple of": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
MOST = 6  # things in one mask
# no outline shows these
UNSEEN = word_set(
    """
    red orange yellow green blue purple violet pink brown black white grey gray golden silver beige tan blond blonde
    colored coloured colorful colourful dark light bright pale spotted striped shiny wet dry dirty clean wooden metal
    metallic plastic glass leather stone happy sad angry friendly cute beautiful pretty handsome old young new
    transparent fluffy soft hard warm cold loud quiet
    """
)


@dataclass(frozen=True)
class Wish:
    """What a text asks of a shape.

    traits: {trait: 1 or -1}. part: "head" or "bust", or "". number: how many things one mask holds.
    unseen: words that no shape can show. rest: the text without what was read here.
    """

    traits: dict[str, float]
    part: str
    number: int
    unseen: tuple[str, ...]
    rest: str


def read_wish(text: str) -> Wish:
    """The wish in an object's text: "two dogs facing left" -> {left: 1}, number 2, rest "dogs"."""
    plain = " ".join(text.lower().replace("-", " ").split())
    traits: dict[str, float] = {}
    left, rest = plain, plain
    for phrase in sorted(WORDS, key=len, reverse=True):  # "seen from behind" before "from behind"
        shorter = re.sub(rf"\b{re.escape(phrase)}\b", "|", left)
        if shorter != left:
            left, traits = shorter, WORDS[phrase] | traits
            if " " in phrase:  # what a single word does, the vocabulary reads itself: "man riding a horse" is a man
                rest = rest.replace(phrase, " ")
    rest = " ".join(rest.split()).strip(" ,") or plain
    number, rest = _number(rest)
    part, rest = _part(rest)
    unseen = tuple(word for word in sorted(UNSEEN) if re.search(rf"\b{word}\b", plain))
    return Wish(traits, part, number, unseen, rest)


def _number(text: str) -> tuple[int, str]:
    for word, count in NUMBERS.items():
        if text.startswith(word + " "):
            return count, text[len(word) + 1 :]
    digits = re.match(r"(\d{1,12}) (?=[a-z])", text)
    if digits and int(digits[1]) >= 1:
        return int(digits[1]), text[digits.end() :]
    return 1, text


def _part(text: str) -> tuple[str, str]:
    for word in PARTS:
        shorter = re.sub(rf"^(?:the |a |an )?{word} of (?:the |a |an )?|(?<=[a-z]) {word}$", "", text)
        if shorter != text and shorter:
            return "head" if word in ("head", "face") else "bust", shorter
    return "", text
