"""Samples drawn while training: a fixed set of development objects, their best-of-8 IoU and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import default_collate

from smartmask import diffusion
from smartmask.data.pack import Pack
from smartmask.data.pairs import PLAIN, is_target, make_pair
from smartmask.models.text import TextEncoder
from smartmask.train.dataset import collate_condition, find_targets, render_pair

ROWS, TRIES, STEPS = 40, 8, 12


class SampleSheet:
    """Draws the network's masks for 40 development objects in their exact boxes, the box hidden."""

    def __init__(self, pack: Pack, text: TextEncoder, names: Sequence[str], folder: Path, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        targets = find_targets(pack, "dev", ("voc", "coco_panoptic", "coco_instances"))
        index = {name: i for i, name in enumerate(names)}
        rows = []
        for i in rng.permutation(len(targets)):
            target = targets[i]
            scene = pack[target.scene].scene
            if is_target(scene, target.layer, min_area=0.01):
                pair = make_pair(scene, target.layer, rng, config=PLAIN, kind="box")
                rows.append(render_pair(pair, text, index, rng))
            if len(rows) == ROWS:
                break
        self.rows, self.folder = rows, folder

    @torch.no_grad()
    def draw(self, network: nn.Module, names: torch.Tensor, step: int) -> dict[str, float]:
        """Writes ``step_N.png`` and returns the mean IoU in the frame of one sample and of the best of 8."""
        if not self.rows:
            return {}
        device = names.device
        batch = {k: v.to(device).repeat_interleave(TRIES, 0) for k, v in default_collate(self.rows).items()}
        condition = collate_condition(batch, names)
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(batch["clean"].shape, generator=generator).to(device)

        def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            with torch.autocast(device.type, torch.bfloat16):
                return network(x, t, condition).float()

        drawn = diffusion.sample(denoise, noise, diffusion.shifted_steps(STEPS).to(device)).cpu().numpy()
        truth = batch["clean"].cpu().numpy()
        inter = ((drawn[:, 0] > 0) & (truth[:, 0] > 0)).sum((1, 2))
        union = ((drawn[:, 0] > 0) | (truth[:, 0] > 0)).sum((1, 2))
        iou = (inter / np.maximum(union, 1)).reshape(-1, TRIES)
        self._sheet(drawn.reshape(-1, TRIES, *drawn.shape[1:]), truth[::TRIES], step)
        return {"dev_iou_one": float(iou[:, 0].mean()), "dev_iou_best8": float(iou.max(1).mean())}

    def _sheet(self, drawn: np.ndarray, truth: np.ndarray, step: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = [
            np.hstack([_grey(truth[i, 0]), *(_grey(m[0]) for m in drawn[i, :7])]) for i in range(min(16, len(truth)))
        ]
        Image.fromarray(cv2.resize(np.vstack(rows), None, fx=1.0, fy=1.0)).save(self.folder / f"step_{step:06d}.png")


def _grey(mask: np.ndarray) -> np.ndarray:
    return np.pad(np.clip((mask + 1) * 127.5, 0, 255).astype(np.uint8)[::1, ::1], 1, constant_values=128)
