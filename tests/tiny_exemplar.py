"""A tiny exemplar model for tests: a few drawn outlines a name, networks of random weights, made in a second."""

from __future__ import annotations

import numpy as np
import torch
from drawn import block, ellipse
from outlined import cup, record, table, tiny_chooser

from smartmask.guides import Scribble
from smartmask.masks.exemplar.attributes import TRAITS
from smartmask.masks.exemplar.guess import StrokeTable, table_row
from smartmask.masks.exemplar.memory import Memory, Remembered, remember
from smartmask.masks.exemplar.model import ExemplarModel
from smartmask.masks.exemplar.own import embedded
from smartmask.masks.exemplar.place.layout import Names
from smartmask.masks.exemplar.place.model import Places
from smartmask.masks.exemplar.place.score import ScoreConfig, ScoreNetwork
from smartmask.masks.exemplar.place.usual import UsualBoxes
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.text.labels import bundled_encoder
from smartmask.train.networks.place import ScoreModule

NAMES = ("dog", "cat", "person", "car", "chair", "cup", "table", "bench", "boat", "lamp")
USUAL = {"person": (0.3, 0.3, 0.5, 0.9), "car": (0.2, 0.5, 0.7, 0.9), "boat": (0.3, 0.4, 0.7, 0.7)}  # else the middle
EACH = 12  # outlines a name, enough not to borrow any


def legged(rng: np.random.Generator, height: int = 70, width: int = 100) -> np.ndarray:
    """A body on legs with a head to the left; a square picture makes a person of it."""
    tall = int(height * rng.uniform(0.45, 0.65))
    mask = ellipse(height, width, width * 0.55, tall * 0.62, width * 0.4, tall * 0.38)
    mask |= ellipse(height, width, width * rng.uniform(0.1, 0.2), tall * 0.4, width * 0.12, tall * 0.3)
    for share in (0.25, 0.4, 0.7, 0.85):
        x = int(width * (share + rng.uniform(-0.04, 0.04)))
        mask |= block(height, width, x, tall // 2, x + max(width // 14, 2), height)
    return mask


def wheeled(rng: np.random.Generator, height: int = 50, width: int = 110) -> np.ndarray:
    """A body with a cabin on two wheels."""
    low = int(height * rng.uniform(0.35, 0.5))
    mask = block(height, width, 0, low, width, int(height * 0.8))
    mask |= block(height, width, int(width * 0.25), 0, int(width * rng.uniform(0.6, 0.8)), low + 1)
    for share in (0.22, 0.78):
        mask |= ellipse(height, width, width * share, height * 0.8, height * 0.2, height * 0.2)
    return mask


def _drawn(name: str, rng: np.random.Generator) -> np.ndarray:
    long = int(rng.integers(60, 120))
    if name in ("car", "boat"):
        return wheeled(rng, long // 2, long)
    if name == "cup":
        return cup(long)
    if name in ("table", "bench"):
        return table(long // 2, long)
    if name in ("person", "lamp"):
        return legged(rng, long, int(long * rng.uniform(0.35, 0.5)))
    return legged(rng, int(long * rng.uniform(0.6, 0.9)), long)


def tiny_memory(seed: int = 0) -> Memory:
    """EACH outlines of each of NAMES, all facing left; every second dog sits. Two licences."""
    rng = np.random.default_rng(seed)
    records: list[Remembered] = []
    for name in NAMES:
        for number in range(EACH):
            traits = {"left": 1.0, "sitting": 1.0 if name == "dog" and number % 2 else -1.0}
            closed = {"set": "shut", "licence": "not stated"} if number % 2 else {}
            records.append(
                record(_drawn(name, rng), name, number, quality=float(rng.uniform(0.4, 1)), traits=traits, **closed)
            )
    return remember(records, TRAITS)


def tiny_strokes(seed: int = 0) -> StrokeTable:
    """Strokes through the middles of random boxes."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(60):
        width, height = rng.uniform(30, 200, 2)
        box = (100.0, 100.0, 100 + float(width), 100 + float(height))
        ends = [(box[0] + 0.2 * width, box[1] + 0.5 * height), (box[2] - 0.2 * width, box[1] + 0.6 * height)]
        stroke = Scribble([ends])
        region = stroke.extent(400, 400)
        rows.append(table_row(region, [stroke], box, float(np.log(width / height)), 400, 400))
    return StrokeTable(np.array(rows, np.float32))


def tiny_places(seed: int = 0) -> Places:
    """Boxes round each name's usual one, weighed by random voters."""
    rng = np.random.default_rng(seed)
    which = np.repeat(np.arange(len(NAMES)), 12)
    usual = np.array([USUAL.get(NAMES[i], (0.35, 0.45, 0.65, 0.8)) for i in which])
    boxes = np.clip(usual + rng.uniform(-0.1, 0.1, usual.shape), 0, 1)
    torch.manual_seed(seed)
    network = ScoreNetwork.of(ScoreModule(ScoreConfig(voters=1, hidden=8)))
    known = UsualBoxes(boxes, list(NAMES), which, np.ones(len(which), np.int64), Names(bundled_encoder()))
    return Places(known, network)


def tiny_model() -> ExemplarModel:
    """The whole model, its memory read by its chooser."""
    chooser = tiny_chooser()
    return ExemplarModel(bundled_encoder(), embedded(tiny_memory(), chooser), chooser, tiny_strokes(), tiny_places())


def tiny_pipeline() -> SmartMaskPipeline:
    """The pipeline round it."""
    return SmartMaskPipeline(tiny_model())
