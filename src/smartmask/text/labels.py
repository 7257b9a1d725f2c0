"""From the labels of sets to names of the vocabulary: "clear plastic bottle" is a bottle, "sofa" a couch.

The text encoder reads most labels rightly; tables hold what it cannot know (file names of models,
breeds, what litter is called) and what is no object at all: parts, tiles, mixtures.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from smartmask.io.package import BUNDLED_TEXT
from smartmask.text.label_tables import CANONICAL, NAMES, NO_OBJECT, NO_OBJECT_WORDS

if TYPE_CHECKING:
    from smartmask.text.encoder import TextEncoder

_VIEW_ENDING = re.compile(r"( [nsew] isometric| side)$")  # Kenney's file names tell the view
_CROP = re.compile(r"^crops_pack/([A-Za-z]+)")  # whole plants of a field, harvested or not; not the fruit
_TREES = ("Apple", "Orange", "Coconut")
_NAMED_CROPS = ("Bamboo", "Cactus", "Flower", "Grass", "PalmTree", "Mushroom", "Corn")


class Namer:
    """``namer(label, set, source)`` is a name of the vocabulary, or None where the label names no object."""

    def __init__(self, encoder: TextEncoder | None = None) -> None:
        self._encoder = encoder if encoder is not None else bundled_encoder()
        self._known = frozenset(self._encoder.names())
        self._name = lru_cache(maxsize=None)(self._read)

    def __call__(self, label: str, set_name: str = "", source: str = "") -> str | None:
        """The name of a label. set_name: the set that it is from, whose own table comes first.

        source: the picture's key; models tell by their file names what their labels leave open.
        """
        crop = _CROP.match(source) if set_name == "quaternius" else None
        if crop is not None and crop.group(1) not in _NAMED_CROPS:
            return "tree" if crop.group(1) in _TREES else None
        if set_name == "quaternius" and "/Light_" in source:
            return "lamp"
        return self._name(label, set_name)

    def _read(self, label: str, set_name: str) -> str | None:
        label = " ".join(label.lower().replace("_", " ").split())
        if set_name == "kenney":
            label = _VIEW_ENDING.sub("", label)
        for key in ((set_name, label), ("", label)):
            if key in NAMES:
                name = NAMES[key]
                return self._vocabulary(name) if name is not None else None
        if label in NO_OBJECT or any(word in NO_OBJECT_WORDS.get(set_name, ()) for word in label.split()):
            return None
        return self._vocabulary(label)

    def _vocabulary(self, label: str) -> str | None:
        """The vocabulary's entry for a phrase; None where it has to guess or finds no noun."""
        if label in self._known:
            return CANONICAL.get(label, label)
        meaning = self._encoder.understand(label)
        if meaning.how in ("subword", "fallback") or meaning.warning or not self._encoder.is_noun(meaning.name):
            return None
        return CANONICAL.get(meaning.name, meaning.name)


@cache
def bundled_encoder() -> TextEncoder:
    """The text encoder of the bundled weights."""
    from smartmask.text.encoder import TextEncoder

    return TextEncoder.from_pretrained(BUNDLED_TEXT)
