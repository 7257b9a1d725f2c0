"""What an object's text asks of its shape: pose, view, direction, part, number; and what no shape can show.

A word acts through *traits* that each remembered outline carries, scores in [-1, 1] (data/traits). Words that a shape
cannot show, colours first of all, are named in a note, not silently dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from smartmask.text.counting import leading_count
from smartmask.text.words import word_set

TRAITS = (
    "standing", "sitting", "lying", "riding", "running", "walking", "jumping", "flying", "grazing",
    "side", "front", "behind", "left", "bust",
)  # fmt: skip
MIRRORED = ("left",)  # change their sign in the mirror

# trait: the words and phrases that ask for it
ASKED: dict[str, tuple[str, ...]] = {
    "standing": ("standing", "stands", "upright", "on its feet", "on hind legs"),
    "sitting": ("sitting", "sits", "seated", "crouching", "crouched", "squatting", "kneeling", "perched", "perching"),
    "lying": (
        "lying", "laying", "lies", "reclining", "sprawled", "stretched out", "curled up", "sleeping", "sleeps",
        "asleep", "napping", "resting",
    ),
    "riding": (
        "riding", "rides", "on horseback", "on a horse", "on a bike", "on a bicycle", "on a motorcycle",
        "on a motorbike", "cycling", "biking",
    ),
    "running": ("running", "runs", "jogging", "sprinting", "galloping", "trotting", "dashing"),
    "walking": ("walking", "walks", "strolling", "striding", "marching"),
    "jumping": ("jumping", "jumps", "leaping", "leaps", "hopping"),
    "flying": ("flying", "flies", "soaring", "gliding", "hovering", "in flight"),
    "grazing": ("grazing", "grazes", "eating grass", "head down"),
    "behind": (
        "seen from behind", "from behind", "seen from the back", "from the back", "from the rear", "back view",
        "rear view", "facing away", "turned away",
    ),
    "side": ("from the side", "side view", "side on", "in profile", "profile view", "sideways"),
    "front": (
        "from the front", "front view", "frontal", "head on", "facing the camera", "facing forward", "facing us",
        "facing the viewer",
    ),
}  # fmt: skip
TURNED = ("facing", "looking", "heading", "turned", "pointing", "going", "moving")  # "to the left" alone is a place
# word or phrase: the traits that it asks for (1) or against (-1)
WORDS: dict[str, dict[str, float]] = {phrase: {trait: 1.0} for trait, some in ASKED.items() for phrase in some} | {
    f"{verb}{link} {side}": {"left": sign}
    for verb in TURNED
    for link in ("", " to the", " to its", " towards the")
    for side, sign in (("left", 1.0), ("right", -1.0))
}
BESIDE = re.compile(r"\b(?:to|on|at) the (?:far )?(?:left|right)\b.*")  # where a thing is: the guides' business
PARTS = ("head", "bust", "portrait", "face", "upper body", "half length")
PAIRS = ("a pair of", "a couple of")
MOST = 6  # things in one mask
# names in which such words are no wish; in the singular
NAMES = (
    "sleeping bag", "walking stick", "flying disc", "flying saucer", "running shoe", "standing lamp", "jumping jack",
    "jumping rope", "sitting room", "riding boot", "riding hat", "shower head", "sprinkler head", "arrow head",
    "head of lettuce", "head of cabbage", "head of broccoli", "head of garlic", "clock face", "family portrait",
)  # fmt: skip
# no outline shows these
UNSEEN = word_set(
    """
    red orange yellow green blue purple violet pink brown black white grey gray golden silver beige tan turquoise teal
    maroon crimson blond blonde ginger colored coloured colorful colourful dark light bright pale
    spotted striped dotted checkered plaid patterned floral shiny glossy matte wet dry dirty clean rusty muddy dusty
    wooden metal metallic plastic glass leather stone brick marble paper cotton woolen velvet silk steel iron
    happy sad angry friendly smiling laughing crying barking singing talking cute beautiful pretty handsome ugly
    old young new modern antique vintage transparent fluffy soft hard warm cold hot loud quiet
    eating drinking playing holding wearing reading
    """
)
# a box says these, the text does not
SIZES = word_set(
    "big large huge giant enormous small little tiny miniature tall short long wide narrow thick thin fat slim skinny"
)


@dataclass(frozen=True)
class Wish:
    """What a text asks of a shape.

    traits: {trait: 1 or -1}. part: "head" or "bust", or "". number: how many things one mask holds.
    unseen: words that no shape can show. rest: the text without what was read here. sizes: words of size and build.
    """

    traits: dict[str, float]
    part: str
    number: int
    unseen: tuple[str, ...]
    rest: str
    sizes: tuple[str, ...] = ()


def read_wish(text: str) -> Wish:
    """The wish in an object's text: "two dogs facing left" -> {left: 1}, number 2, rest "dogs".

    ValueError for a number of things that is none, or over MOST.
    """
    number, text = _number(" ".join(text.lower().split()))
    plain = " ".join(text.replace("-", " ").split())
    traits: dict[str, float] = {}
    rest = plain
    left, named = plain, _named(plain)
    for name in named:
        left = left.replace(name, "|")
    for phrase in sorted(WORDS, key=len, reverse=True):  # "seen from behind" before "from behind"
        shorter = re.sub(rf"\b{re.escape(phrase)}\b", "|", left)
        if shorter != left:
            left, traits = shorter, WORDS[phrase] | traits
            if " " in phrase:  # what a single word does, the vocabulary reads itself: "man riding a horse" is a man
                rest = re.sub(rf"\b{re.escape(phrase)}\b", " ", rest)
    rest = " ".join(BESIDE.sub(" ", rest).split()).strip(" ,") or plain
    part, rest = ("", rest) if named else _part(rest)
    if part:
        traits["bust"] = 1.0
    words = set(re.findall(r"[a-z]+", left))
    return Wish(traits, part, number, tuple(sorted(words & UNSEEN)), rest, tuple(sorted(words & SIZES)))


def _named(text: str) -> list[str]:
    """The names in a text in which words of pose and part are no wish."""
    return [found[0] for name in NAMES if (found := re.search(rf"\b{name}s?\b", text))]


def _number(text: str) -> tuple[int, str]:
    for word in PAIRS:
        if text.startswith(word + " "):
            return 2, text[len(word) + 1 :]
    return leading_count(text, MOST)


def _part(text: str) -> tuple[str, str]:
    for word in PARTS:
        shorter = re.sub(rf"^(?:the |a |an )?{word} of (?:the |a |an )?|(?<=[a-z]) {word}$", "", text)
        if shorter != text and shorter:
            return "head" if word in ("head", "face") else "bust", shorter
    return "", text
