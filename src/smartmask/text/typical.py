"""How large things usually are: typical heights in metres and aspects, from general knowledge."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from smartmask.text.encoder import TextEncoder
from smartmask.text.words import word_set

Sizes = Callable[[str], tuple[float, float]]  # name -> height in metres, width over height
EVENNESS = 0.85  # power to which metres are raised: below 1, as photographers step closer to small things

# name: (height in metres as usually seen, width over height)
TYPICAL: dict[str, tuple[float, float]] = {
    "person": (1.7, 0.42), "child": (1.15, 0.45), "baby": (0.6, 0.8), "bicycle": (1.05, 1.6), "car": (1.5, 2.3),
    "motorcycle": (1.15, 1.6), "airplane": (6.0, 3.0), "bus": (3.1, 2.0), "train": (3.8, 2.2), "truck": (2.9, 1.9),
    "boat": (2.0, 1.8), "ship": (9.0, 2.5), "traffic light": (0.9, 0.42), "fire hydrant": (0.8, 0.55),
    "stop sign": (0.8, 1.0), "parking meter": (1.3, 0.35), "bench": (0.9, 1.9), "bird": (0.3, 1.2), "cat": (0.35, 1.3),
    "dog": (0.6, 1.15), "horse": (1.7, 1.2), "sheep": (0.9, 1.25), "cow": (1.45, 1.4), "elephant": (2.9, 1.25),
    "bear": (1.3, 1.25), "zebra": (1.45, 1.25), "giraffe": (4.6, 0.6), "backpack": (0.5, 0.75), "umbrella": (0.9, 1.2),
    "handbag": (0.35, 1.0), "tie": (0.5, 0.3), "suitcase": (0.65, 0.75), "frisbee": (0.1, 2.2), "skis": (0.25, 3.5),
    "snowboard": (0.35, 2.8), "sports ball": (0.24, 1.0), "ball": (0.24, 1.0), "kite": (0.9, 1.1),
    "baseball bat": (0.6, 0.8), "baseball glove": (0.28, 1.0), "skateboard": (0.18, 3.0), "surfboard": (0.6, 2.5),
    "tennis racket": (0.6, 0.6), "bottle": (0.28, 0.33), "wine glass": (0.2, 0.45), "cup": (0.11, 1.1),
    "glass": (0.14, 0.6), "fork": (0.05, 3.5), "knife": (0.05, 4.0), "spoon": (0.05, 3.5), "bowl": (0.1, 1.9),
    "plate": (0.06, 3.6), "banana": (0.12, 1.6), "apple": (0.08, 1.0), "sandwich": (0.09, 1.7), "orange": (0.08, 1.0),
    "broccoli": (0.13, 1.1), "carrot": (0.06, 2.8), "hot dog": (0.08, 2.2), "pizza": (0.09, 3.2), "donut": (0.07, 1.4),
    "cake": (0.16, 1.4), "chair": (0.95, 0.75), "couch": (0.9, 2.2), "armchair": (0.95, 1.0),
    "potted plant": (0.75, 0.8),
    "bed": (0.85, 2.0), "dining table": (0.78, 1.9), "table": (0.75, 1.9), "coffee table": (0.45, 2.3),
    "desk": (0.76, 1.8), "toilet": (0.78, 0.75), "tv": (0.6, 1.6), "laptop": (0.26, 1.4), "mouse": (0.045, 1.8),
    "remote": (0.06, 2.6), "keyboard": (0.07, 3.5), "cell phone": (0.15, 0.6), "microwave": (0.3, 1.7),
    "oven": (0.9, 0.9), "stove": (0.9, 0.9), "toaster": (0.22, 1.4), "sink": (0.35, 1.7), "refrigerator": (1.75, 0.5),
    "book": (0.22, 0.9), "clock": (0.35, 1.0), "vase": (0.35, 0.55), "scissors": (0.18, 0.9),
    "teddy bear": (0.45, 0.85),
    "hair drier": (0.2, 1.1), "toothbrush": (0.17, 0.4), "lamp": (1.0, 0.5), "floor lamp": (1.6, 0.35),
    "table lamp": (0.5, 0.6),
    "street lamp": (4.5, 0.25), "candle": (0.2, 0.4), "basket": (0.35, 1.3), "box": (0.4, 1.2), "bag": (0.4, 0.9),
    "hat": (0.16, 1.5), "shoe": (0.13, 1.9), "guitar": (1.0, 0.4), "piano": (1.2, 1.3), "door": (2.0, 0.45),
    "shelf": (1.8, 0.7), "bookcase": (1.9, 0.7), "cabinet": (1.4, 0.9), "dresser": (1.1, 1.1), "mirror": (0.9, 0.7),
    "painting": (0.6, 1.2), "picture": (0.5, 1.2), "curtain": (2.0, 0.5), "rug": (0.03, 60.0), "carpet": (0.03, 80.0),
    "mat": (0.03, 25.0), "towel": (0.6, 0.6), "pillow": (0.35, 1.5), "blanket": (0.3, 4.0), "bathtub": (0.6, 2.6),
    "statue": (2.2, 0.5), "fountain": (2.0, 1.3), "tent": (1.8, 1.6), "ladder": (2.2, 0.4), "barrel": (0.9, 0.7),
    "trash can": (0.9, 0.65), "mailbox": (1.1, 0.5), "lion": (1.1, 1.5), "tiger": (1.0, 1.7), "monkey": (0.7, 0.9),
    "rabbit": (0.3, 1.1), "fox": (0.45, 1.6), "wolf": (0.8, 1.4), "deer": (1.4, 1.0), "camel": (2.1, 1.15),
    "pig": (0.75, 1.5), "goat": (0.8, 1.2), "chicken": (0.4, 1.0), "duck": (0.3, 1.2), "swan": (0.8, 1.2),
    "fish": (0.2, 2.2), "turtle": (0.25, 1.8), "frog": (0.1, 1.3), "butterfly": (0.08, 1.3), "helicopter": (3.5, 2.6),
    "tractor": (2.6, 1.3), "van": (2.1, 2.0), "scooter": (1.1, 1.4), "wheelchair": (0.95, 0.85), "cart": (1.1, 1.2),
    "pumpkin": (0.35, 1.2), "flower": (0.4, 0.7), "bush": (1.2, 1.4), "palm tree": (7.0, 0.6), "cactus": (1.5, 0.6),
    "balloon": (0.35, 0.9), "flag": (1.0, 1.4), "fan": (0.5, 0.9), "computer": (0.5, 1.2), "monitor": (0.45, 1.4),
    "telephone": (0.15, 1.3), "camera": (0.12, 1.3), "pot": (0.22, 1.4), "pan": (0.08, 3.0), "kettle": (0.24, 1.1),
    "stool": (0.6, 0.7), "pole": (2.6, 0.045), "traffic sign": (0.7, 0.9), "snowman": (1.4, 0.65), "robot": (1.5, 0.6),
    "barn": (6.0, 1.4), "house": (6.0, 1.3), "hut": (3.0, 1.3), "cabin": (4.0, 1.4), "shed": (2.6, 1.2),
    "church": (12.0, 0.8), "lighthouse": (14.0, 0.35), "tower": (15.0, 0.35), "castle": (14.0, 1.6),
    "windmill": (9.0, 0.7), "silo": (8.0, 0.45), "shop": (4.0, 1.5), "kiosk": (2.5, 1.0), "billboard": (4.0, 1.5),
    "gate": (1.6, 1.5), "well": (1.6, 0.9), "bollard": (0.9, 0.25), "bus stop": (2.6, 1.4), "gazebo": (3.2, 1.2),
    "swing": (2.2, 1.3), "slide": (2.0, 1.4), "seesaw": (0.8, 3.5), "campfire": (0.7, 1.1), "scarecrow": (1.8, 0.6),
    "hay bale": (1.2, 1.2), "hay": (1.2, 1.3), "wheelbarrow": (0.7, 1.7), "shovel": (1.0, 0.3), "rake": (1.3, 0.3),
    "wardrobe": (2.0, 0.6), "fireplace": (1.2, 1.3), "chandelier": (0.7, 1.0), "sideboard": (0.85, 1.9),
    "nightstand": (0.55, 0.9), "crib": (1.0, 1.2), "treadmill": (1.4, 1.1), "dumbbell": (0.15, 2.0),
    "blackboard": (1.1, 1.8), "whiteboard": (1.1, 1.6), "violin": (0.6, 0.4), "cheese": (0.1, 1.5), "egg": (0.06, 0.8),
    "whale": (3.0, 3.0), "dolphin": (0.8, 2.4), "shark": (1.0, 2.6), "crocodile": (0.5, 4.5), "snake": (0.25, 3.0),
    "penguin": (0.8, 0.5), "dinosaur": (4.0, 1.4), "dragon": (4.0, 1.3), "canoe": (0.6, 4.5), "kayak": (0.5, 5.0),
    "sailboat": (7.0, 0.8), "calf": (1.0, 1.3), "lamb": (0.55, 1.2), "puppy": (0.35, 1.1),
}  # fmt: skip
PEOPLE = word_set(
    """
    farmer surfer fisherman chef cook waiter policeman player skier tourist soldier nurse doctor teacher cyclist
    rider worker astronaut knight dancer runner skater skateboarder snowboarder batter pitcher catcher boxer
    """
)
TYPICAL |= dict.fromkeys(sorted(PEOPLE), TYPICAL["person"])


UNHEARD = {"sideboard"}  # not in the vocabulary: no name is like it, and looking for its spelling takes .2 s
HEARD = [name for name in TYPICAL if name not in UNHEARD]


@lru_cache(maxsize=4)
def _vectors(encoder: TextEncoder) -> np.ndarray:
    rows = np.stack([encoder.encode(name) for name in HEARD])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)


def typical_size(name: str, encoder: TextEncoder) -> tuple[float, float]:
    """``(height in metres, width over height)`` of a thing; of the nearest known meanings where it is not listed."""
    meaning = encoder.understand(name)
    for known in (name, name.split()[-1], meaning.name):
        if known in TYPICAL:
            return TYPICAL[known]
    alike = _vectors(encoder) @ (meaning.vector / max(float(np.linalg.norm(meaning.vector)), 1e-6))
    near = np.argsort(-alike)[:3]
    weights = np.exp((alike[near] - alike[near[0]]) / 0.1)
    rows = np.log(np.array([TYPICAL[HEARD[i]] for i in near]))
    height, aspect = np.exp((weights[:, None] * rows).sum(0) / weights.sum())
    return float(height), float(aspect)
