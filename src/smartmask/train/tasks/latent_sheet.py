"""A fixed set of development scenes drawn by the latent model: figures for the log, and a picture to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.pairs import Pair
from smartmask.geometry import mask_iou
from smartmask.guides import Guide
from smartmask.image.files import save_png
from smartmask.image.sheets import contact_sheet
from smartmask.io.publish import output_folder
from smartmask.masks.latent.model import SmartMaskLatentModel
from smartmask.masks.latent.parts import LatentParts
from smartmask.masks.model import MaskRequest
from smartmask.scene import Layer, Scene
from smartmask.text.encoder import TextEncoder
from smartmask.train.tasks.latent_pairs import LatentPairs, pictures

KINDS = ("box", "blob", "mask", "scribble", "none")
EACH = 2  # scenes of a kind
SEEDS = (0, 1, 2, 3)
TILE = 128
LEAST_SIDE = 256  # of the scenes that are asked about, so that a frame of them has something to show


class LatentSheet:
    """EACH pairs of every kind of guide; ``draw`` asks a model for masks of SEEDS."""

    def __init__(self, pairs: Sequence[Pair], text: TextEncoder, folder: Path) -> None:
        self.pairs, self.text, self.folder = pairs, text, folder

    @classmethod
    def of(cls, pack: Pack, text: TextEncoder, side: int, folder: Path) -> Self | None:
        """The sheet of a pack; None if its dev split has nothing to show."""
        try:
            source = LatentPairs(pack, text, max(side, LEAST_SIDE), "dev", composed=0.0)
        except ValueError:
            return None
        rng = np.random.default_rng(0)
        return cls([source.pair(rng, kind)[0] for _ in range(EACH) for kind in KINDS], text, folder)

    def draw(self, parts: LatentParts, step: int) -> dict[str, float]:
        """Writes ``step_NNNNNNNN.png`` and returns the mean IoU with the real object by kind of guide."""
        model = SmartMaskLatentModel(parts, at_once=len(SEEDS))
        tiles: list[np.ndarray] = []
        captions: list[str] = []
        found: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for pair in self.pairs:
            guides: tuple[Guide, ...] = pair.guides
            request = MaskRequest(object=pair.name, context=pair.context or None, guides=guides)
            drawn = [one.mask for one in model.suggest(scene_of(pair), request, SEEDS)]
            overlaps = [mask_iou(mask, pair.amodal) for mask in drawn]
            found[pair.kind].append(float(np.mean(overlaps)))
            tiles += [*pictures(pair, self.text), *(over(pair, mask, self.text) for mask in drawn)]
            captions += [f"{pair.kind}: {pair.name}", "real", *(f"IoU {iou:.2f}" for iou in overlaps)]
        sheet = contact_sheet(tiles, captions, columns=2 + len(SEEDS), tile=TILE)
        save_png(sheet, output_folder(self.folder) / f"step_{step:08d}.png")
        return {f"iou_{kind}": float(np.mean(values)) for kind, values in found.items() if values}


def scene_of(pair: Pair) -> Scene:
    """The pair's canvas as a scene, so that the model is asked as users ask it."""
    top, names, things = pair.view.top, pair.view.names, pair.view.things
    layers = tuple(
        Layer(name, top == index, thing) for index, (name, thing) in enumerate(zip(names, things, strict=True))
    )
    return Scene(len(top), len(top), layers)


def over(pair: Pair, mask: np.ndarray, text: TextEncoder) -> np.ndarray:
    """The layout with a mask in white."""
    shown = pictures(pair, text)[0].copy()
    shown[mask] = 255
    return shown
