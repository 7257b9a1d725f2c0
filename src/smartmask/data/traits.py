"""Labels of pose, view and direction, and what they mean as scores in [-1, 1].

``traits.json`` beside this file holds what the authors judged by eye on sheets of the training split's outlines:
{"set/source/number": words}. Words: the poses, views and directions below; "bust" where only head, shoulders, or a
neck are seen; "group" and "unclear" for outlines that no word of pose should bring forth. What an outline does not tell
for sure has no word. A silhouette from the front and one from behind are mostly the same: where no head, ear, or tail
tells, the word is "frontal", which speaks for both. Models with a known azimuth bring their views with them
(``azimuth_words``).
"""

from __future__ import annotations

from pathlib import Path

from smartmask.io.reading import read_json

Key = tuple[str, str, int]  # set, source (the split key), number

FILE = Path(__file__).with_name("traits.json")
POSE_TRAITS = ("standing", "sitting", "lying", "riding", "running", "walking", "jumping", "flying", "grazing")

# word: scores that are not -1. Poses that look alike speak for each other a little: where none is known to run, who
# walks is taken before who sits. Every other pose is excluded: who stands does not sit.
POSES: dict[str, dict[str, float]] = {
    "standing": {"standing": 1, "walking": -0.5},
    "walking": {"walking": 1, "standing": -0.25, "running": 0.25},
    "running": {"running": 1, "walking": 0.25, "jumping": 0.25},
    "jumping": {"jumping": 1, "running": 0.5},
    "sitting": {"sitting": 1, "riding": 0.25},
    "lying": {"lying": 1},
    "riding": {"riding": 1, "sitting": 0.25},
    "grazing": {"grazing": 1, "standing": 0, "walking": 0},
    "flying": {"flying": 1},
    "perched": {"sitting": 1, "standing": 0.5},  # birds
    "swimming": {"sitting": 0.3},  # birds on water
    "bust": {"bust": 1, "sitting": -0.5, "lying": -0.5},
    "group": {},  # several in one outline
    "unclear": {},  # a lump or a fragment
}
VIEWS: dict[str, dict[str, float]] = {
    "side": {"side": 1, "front": -1, "behind": -1},
    "front": {"side": -1, "front": 1, "behind": -0.3},
    "behind": {"side": -1, "front": -0.3, "behind": 1},
    "frontal": {"side": -1, "front": 0.6, "behind": 0.6},
    "oblique": {"side": -0.4, "front": -0.4, "behind": -0.4},
}
DIRECTIONS: dict[str, dict[str, float]] = {"left": {"left": 1}, "right": {"left": -1}}
VAGUE = ("group", "unclear")
ASPECTS = {"pose": POSES, "view": VIEWS, "direction": DIRECTIONS}
MIRROR = {"left": "right", "right": "left"}

# things whose models have a front (not trees and swords)
FACING = (
    "alpaca", "bear", "bed", "bench", "bicycle", "bull", "bus", "car", "cat", "chair", "couch", "cow", "deer",
    "dinosaur", "dog", "donkey", "fire truck", "fox", "horse", "motorcycle", "person", "pig", "sheep", "toilet",
    "truck", "wolf",
)  # fmt: skip


def scores_of(words: str) -> dict[str, float]:
    """``{trait: score in [-1, 1]}`` of a label's words. Raises ValueError for a word that is none."""
    scores: dict[str, float] = {}
    for word in words.split():
        aspect = aspect_of(word)
        if aspect == "pose":
            scores |= {pose: -1.0 for pose in (*POSE_TRAITS, "bust")}
        scores |= ASPECTS[aspect][word]
    return scores


def aspect_of(word: str) -> str:
    """pose, view or direction."""
    for aspect, words in ASPECTS.items():
        if word in words:
            return aspect
    known = ", ".join(word for words in ASPECTS.values() for word in words)
    raise ValueError(f"'{word}' is no word of a label; give some of {known}.")


def read_labels(file: Path = FILE) -> dict[Key, str]:
    """The labels that were judged by eye. Raises ValueError for a key or a word that is none."""
    found: dict[Key, str] = {}
    for key, words in read_json(file, "labels")["outlines"].items():
        parts = key.split("/")
        if len(parts) < 3 or not parts[-1].isdecimal():
            raise ValueError(f"'{key}' in {file} names no outline; write set/source/number.")
        scores_of(words)
        found[parts[0], "/".join(parts[1:-1]), int(parts[-1])] = words
    return found


def azimuth_words(name: str, azimuth: float | None) -> str:
    """The view of a model (azimuth in degrees: 0 from the front, 90 its right hand side of the picture ahead).

    "" without an azimuth and for things that have no front.
    """
    if azimuth is None or name not in FACING:
        return ""
    turn = azimuth % 360
    off = min(turn % 180, 180 - turn % 180)  # degrees from the axis through front and back
    facing = "" if off < 15 else " right" if turn < 180 else " left"
    if off < 15:
        return "behind" if 90 < turn < 270 else "front"
    return ("side" if off > 75 else "oblique") + facing
