"""A contact sheet of training pairs, drawn as the network gets them: look at it before training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from smartmask.data.pack import Pack
from smartmask.data.pairs import Pair
from smartmask.data.view import OUTSIDE
from smartmask.guidance import draw
from smartmask.render import contact_sheet, name_colour
from smartmask.train.dataset import PairStream, find_targets

NEAR, HIDDEN, BEYOND = (70, 70, 74), (105, 92, 110), (0, 0, 0)


def pair_tile(pair: Pair) -> np.ndarray:
    """``(H, W, 3)`` uint8: the layout as seen (hidden violet-grey, outside black), G whitened, target outlined.

    The outline is the amodal target (pink) and the visible one (yellow); occluders are hatched by the
    gap between the two.
    """
    palette = np.array([*(name_colour(name) for name in pair.view.names), BEYOND, NEAR], dtype=np.float32)
    tile = palette[pair.view.top]  # -1 is the last entry, unlabeled; -2 the one before it, outside
    tile[pair.hidden & (pair.view.top != OUTSIDE)] = HIDDEN
    weight = 0.45 * draw(pair.guides, *pair.amodal.shape)[..., None]
    tile = tile * (1 - weight) + 255 * weight
    for mask, colour in ((pair.amodal, (255, 40, 130)), (pair.visible, (255, 220, 0))):
        tile[_outline(mask)] = colour
    return tile.astype(np.uint8)


def _outline(mask: np.ndarray) -> np.ndarray:
    edge = np.zeros_like(mask)
    edge[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    edge[1:] |= mask[1:] != mask[:-1]
    return edge


def write_sheet(pack_path: Path, out: Path, count: int = 64, seed: int = 0, split: str = "train") -> Path:
    """Draws ``count`` random pairs of a split and writes the sheet as a PNG; returns its path."""
    pack = Pack(pack_path)
    stream = PairStream(pack, find_targets(pack, split), None, [], seed=seed)
    rng = np.random.default_rng(seed)
    tiles: list[np.ndarray] = []
    captions: list[str] = []
    while len(tiles) < count:
        pair = stream.draw(rng)
        if pair is not None:
            tiles.append(pair_tile(pair))
            how = "composed" if pair.composed else "as annotated"
            captions.append(f"{pair.name}: {pair.kind}\n{how}, order {pair.order}/{len(pair.view.names)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(contact_sheet(tiles, captions, columns=8, tile=192)).save(out)
    return out
