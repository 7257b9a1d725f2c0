"""The layout as segmentation ControlNets know it: names turned into ADE20K's classes, classes into its colours.

Any name is mapped by the similarity of the bundled text vectors to the class names, and to a few words that
say what a class takes in. What resembles no class stays black, which the palette uses for nothing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from smartmask.insertion.stable_diffusion.ade20k import ADE20K
from smartmask.scene import Scene
from smartmask.scene.categories import clean_name
from smartmask.text.encoder import TextEncoder

LEAST_SIMILARITY = 0.45  # cosine; below it the nearest class is an accident ("fork" is nearest to "clock")
UNKNOWN = (0, 0, 0)

# Words that belong to a class whose own name does not say so, or that the vocabulary does not know by it.
TAKES_IN: dict[str, tuple[str, ...]] = {
    "windowpane": ("window",),
    "blind": ("window blind",),
    "floor": ("platform",),
    "sky": ("cloud",),
    "bus": ("train",),
    "grass": ("lawn",),
    "water": ("puddle",),
    "flower": ("tulip", "rose"),
    "television receiver": ("tv", "television"),
    "dirt track": ("railroad", "track"),
    "building": ("roof", "garage", "church", "castle", "barn"),
    "earth": ("dirt", "ground", "soil", "mud", "gravel", "snow"),
    "hovel": ("hut", "shed", "cabin"),
    "grandstand": ("bleachers",),
    "plant": ("bush", "shrub", "cactus", "vegetation"),
    "animal": (
        *("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
        *("fish", "rabbit", "lion", "monkey", "duck", "deer", "pig", "turtle", "snake", "insect", "camel", "penguin"),
    ),
    "minibike": ("motorcycle", "motor scooter"),
    "bag": ("backpack", "handbag", "suitcase"),
    "apparel": ("clothes", "shirt", "jacket", "tie", "hat", "shoe", "dress"),
    "plaything": (
        *("toy", "doll", "teddy bear", "frisbee", "kite", "skis", "snowboard", "skateboard", "surfboard"),
        *("baseball bat", "baseball glove", "tennis racket"),
    ),
    "signboard": ("stop sign", "street sign"),
    "pole": ("parking meter", "post"),
    "food": (
        *("banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake"),
        *("fruit", "vegetable", "bread", "meat", "cheese"),
    ),
    "pot": ("bowl", "bucket"),
    "glass": ("cup", "mug"),
    "computer": ("laptop", "keyboard"),
    "box": ("cardboard", "crate"),
    "ashcan": ("trash can",),
    "fence": ("net",),
    "canopy": ("umbrella",),
    "oven": ("toaster",),
    "sconce": ("candle holder",),
    "river": ("stream",),
    "escalator": ("moving stairs",),
}


def seg_control_image(scene: Scene) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB: what is visible of a scene in the colours of ADE20K's 150 classes.

    Black where nothing is labeled, or where a layer's name resembles no class.
    """
    colours = np.array([UNKNOWN, *(ade20k_colour(layer.name) for layer in scene.layers)], dtype=np.uint8)
    return colours[scene.top() + 1]


def ade20k_colour(name: str) -> tuple[int, int, int]:
    """The palette's (R, G, B) for any name; black where no class is near."""
    found = ade20k_class(name)
    return UNKNOWN if found is None else dict(ADE20K)[found]


@lru_cache(maxsize=4096)
def ade20k_class(name: str) -> str | None:
    """The class of ADE20K's 150 that a name means, or None where none is near."""
    text = " ".join(clean_name(name).split())
    classes, words, vectors = _references()
    if text.lower() in words:
        return classes[words.index(text.lower())]
    meaning = _encoder().understand(text) if text else None
    if meaning is None or meaning.how == "fallback":
        return None
    similarity = vectors @ _unit(meaning.vector)
    best = int(similarity.argmax())
    return classes[best] if similarity[best] >= LEAST_SIMILARITY else None


@lru_cache(maxsize=1)
def _encoder() -> TextEncoder:
    from smartmask.io.package import BUNDLED_MASKS

    return TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


@lru_cache(maxsize=1)
def _references() -> tuple[list[str], list[str], np.ndarray]:
    """Class, word and unit vector of every reference; the classes' own names first, so that they win ties.

    A word that the vocabulary knows only by a part or a guess has no vector (zeros): it is found by its
    spelling alone, and "screen door" does not compete with "door".
    """
    rows = [(name, name) for name, _ in ADE20K]
    rows += [(name, word) for name, words in TAKES_IN.items() for word in words]
    vectors = []
    for _, word in rows:
        meaning = _encoder().understand(word)
        own = meaning.how in ("name", "synonym")
        vectors.append(_unit(meaning.vector) if own else np.zeros_like(meaning.vector))
    return [name for name, _ in rows], [word for _, word in rows], np.stack(vectors)


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-6 else vector
