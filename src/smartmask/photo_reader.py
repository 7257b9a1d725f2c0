"""Photo to scene without a download: the small reader that is bundled, for photos that no panoptic model reads.

It knows a score of surfaces and things, and what it is not sure of stays unlabeled. Its layouts serve placement
(docs/decisions.md has by how much); they are no cut-outs.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn.functional import interpolate

from smartmask.geometry import components
from smartmask.models.presets import load_component
from smartmask.models.reader import STRIDE, ReaderConfig, ReaderNetwork
from smartmask.panoptic import depth_order
from smartmask.scene import Layer, Scene

FOLDER = Path(__file__).parent / "weights" / "reader"
NAME = "bundled reader"  # what a scene that it read says of its source
GRAIN = 1024  # probabilities are whole numbers of this: processors differ in their last bits
LEAST = 0.01  # of the photo: smaller regions are dropped


def read_photo(photo: np.ndarray, folder: Path = FOLDER) -> Scene:
    """The scene of a (H, W, 3) uint8 RGB photo, as far as the reader is sure; it may have no layer at all.

    Surfaces are one layer a class; things one a connected part, so that people who touch are one. Layers run from
    back to front as ``panoptic.depth_order`` guesses. Raises ValueError for a damaged folder.
    """
    network = _load(folder)
    return scene_of(photo, class_shares(network, photo), network.config)


def class_shares(network: ReaderNetwork, photo: np.ndarray) -> np.ndarray:
    """``(classes, h, w)`` float32 probabilities of a photo, h and w a quarter of what the network sees of it."""
    height, width = photo.shape[:2]
    scale = network.config.side / max(height, width)
    size = [max(STRIDE, round(value * scale / STRIDE) * STRIDE) for value in (width, height)]
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    pixels = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        logits = network(torch.cat([pixels, pixels.flip(3)]))
        shares = ((logits[:1] + logits[1:].flip(3)) / 2).softmax(dim=1)[0].float().numpy()
    return np.round(shares * GRAIN) / np.float32(GRAIN)


def scene_of(photo: np.ndarray, shares: np.ndarray, config: ReaderConfig) -> Scene:
    """The scene of class probabilities (classes, h, w), at the photo's size."""
    height, width = photo.shape[:2]
    best, sure = np.zeros((height, width), dtype=np.uint8), np.full((height, width), config.sure, dtype=np.float32)
    for index, share in enumerate(shares, start=1):  # one class at a time: a large photo times all classes is gigabytes
        if share.max() < config.sure:
            continue
        full = _enlarged(share, height, width)
        ahead = full >= sure
        best[ahead], sure[ahead] = index, full[ahead]
    least = max(1, round(LEAST * best.size))
    layers: list[Layer] = []
    for index, name in enumerate(config.classes, start=1):
        if name in config.left_out:
            continue
        mask = best == index
        if name in config.things:
            layers += [Layer(name, part, True) for part in components(mask, least)]
        elif np.count_nonzero(mask) >= least:
            layers.append(Layer(name, mask, False))
    return Scene(height, width, tuple(depth_order(layers)), photo, source=NAME)


def _enlarged(share: np.ndarray, height: int, width: int) -> np.ndarray:
    found = interpolate(torch.from_numpy(share)[None, None], (height, width), mode="bilinear", align_corners=False)
    return found[0, 0].numpy()


@lru_cache(maxsize=1)
def _load(folder: Path) -> ReaderNetwork:
    return load_component(folder, ReaderNetwork, ReaderConfig).eval()
