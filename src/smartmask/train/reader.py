"""Training of the bundled reader of photographs: few photos, many ways to see each, and labels that are sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from smartmask.data.discover import discover
from smartmask.data.photo_labels import ANYTHING, CLASSES, SOURCES, THINGS, UNNAMED, LabeledPhoto, read_photos
from smartmask.models.presets import save_component
from smartmask.models.reader import CELL, ReaderConfig, ReaderNetwork, folded
from smartmask.train.loop import Batch, LoopConfig, Run, make_accelerator

PHOTO = 224  # longer side of the photos that views are cut from
# Shares of a batch: the street sets are large, and their frames repeat; COCO has what people photograph.
SHARES = {"coco_panoptic": 0.4, "lalonde_efros": 0.24, "coco_instances": 0.16, "camvid": 0.06, "idd_lite": 0.07,
          "pennfudan": 0.07}  # fmt: skip
RARE = 0.4  # power of a class's share that its weight falls with
VAGUE = 0.35  # weight of a pixel that may be of several classes
WHOLE, PATCHED, ERASED = 0.25, 0.3, 0.3  # shares of views: uncropped, with a part of another, with a part painted over


@dataclass
class ReaderTrainConfig(LoopConfig):
    """The reader's settings. view: side of a square view in pixels. sources: the sets to learn from."""

    steps: int = 3500
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: int = 100
    decay: float = 0.8
    ema: float = 0.998
    clip: float = 2.0
    workers: int = 0
    view: int = 160
    sources: tuple[str, ...] = SOURCES


def reader_config() -> ReaderConfig:
    """The bundled reader's configuration, in training."""
    return ReaderConfig(CLASSES, THINGS, (UNNAMED,), normed=True)


class Photos:
    """Photographs by source, and views of them."""

    def __init__(self, photos: Sequence[LabeledPhoto], view: int) -> None:
        self.by_source: dict[str, list[LabeledPhoto]] = defaultdict(list)
        for photo in photos:
            self.by_source[photo.source].append(photo)
        self.sources = [source for source in SHARES if self.by_source[source]]
        if not self.sources:
            raise ValueError(f"There is no photograph with labels; give a folder with some of {', '.join(SHARES)}.")
        shares = np.array([SHARES[source] for source in self.sources])
        self.shares, self.view = shares / shares.sum(), view

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A view: ``(V, V, 3)`` float32 in [0, 1], and ``(V / 4, V / 4)`` uint32 sets of classes."""
        photo, labels = self._cut(rng)
        if rng.random() < PATCHED:  # CutMix (Yun et al., ICCV 2019)
            others, sets = self._cut(rng)
            y, x = _window(self.view // CELL, rng)
            labels[y, x] = sets[y, x]
            part = np.s_[y.start * CELL : y.stop * CELL, x.start * CELL : x.stop * CELL]
            photo[part] = others[part]
        if rng.random() < ERASED:  # what lies there is to be told from what surrounds it
            y, x = _window(self.view, rng)
            photo[y, x] = photo.mean(axis=(0, 1)) + rng.normal(0, 0.05, 3)
        return np.clip(photo, 0, 1).astype(np.float32), labels

    def _cut(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        pool = self.by_source[self.sources[int(rng.choice(len(self.sources), p=self.shares))]]
        found = pool[int(rng.integers(len(pool)))]
        height, width = found.labels.shape
        h, w = height, width
        if rng.random() >= WHOLE:
            share = rng.uniform(0.5, 1) ** 0.7
            h, w = max(24, int(height * share)), max(24, int(width * share * np.exp(rng.normal(0, 0.15))))
            h, w = min(h, height), min(w, width)
        y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        photo, labels = found.photo[y : y + h, x : x + w], found.labels[y : y + h, x : x + w]
        side, cells = self.view, self.view // CELL
        photo = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA if h > side else cv2.INTER_LINEAR)
        rows, columns = (((np.arange(cells) + 0.5) * size / cells).astype(int) for size in (h, w))
        labels = labels[np.ix_(rows, columns)]
        if rng.random() < 0.5:
            photo, labels = photo[:, ::-1], labels[:, ::-1]
        return recoloured(photo.astype(np.float32) / 255, rng), labels.copy()


def _window(side: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a window of a fifth to two thirds of a side."""
    h, w = rng.integers(side // 5, side * 2 // 3, 2).tolist()
    y, x = int(rng.integers(side - h)), int(rng.integers(side - w))
    return slice(y, y + h), slice(x, x + w)


def recoloured(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A photo (H, W, 3) float32 in [0, 1] in another light, by another camera; values may leave [0, 1] a little."""
    grey = photo.mean(axis=2, keepdims=True)
    if rng.random() < 0.8:
        photo = grey + (photo - grey) * (0.0 if rng.random() < 0.1 else rng.uniform(0.4, 1.5))
    photo = np.clip(photo, 0, 1) ** np.exp(rng.normal(0, 0.25))
    photo = (photo - 0.5) * rng.uniform(0.7, 1.3) + 0.5 + rng.normal(0, 0.06)
    photo = photo * np.exp(rng.normal(0, 0.08, 3))
    if rng.random() < 0.2:
        photo = cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.3, 1.5))
    if rng.random() < 0.3:
        photo = photo + rng.normal(0, rng.uniform(0, 0.05), photo.shape)
    return photo


def batches(photos: Photos, config: ReaderTrainConfig, step: int) -> Iterator[Batch]:
    """Endless batches: photo (B, 3, V, V) float32 in [-1, 1], labels (B, V / 4, V / 4) int64 sets of classes."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([config.seed, step])
    while True:
        views = [photos.draw(rng) for _ in range(config.batch)]
        pixels = torch.from_numpy(np.stack([photo for photo, _ in views])).permute(0, 3, 1, 2) * 2 - 1
        labels = torch.from_numpy(np.stack([sets for _, sets in views]).astype(np.int64))
        yield {"photo": pixels.contiguous(memory_format=torch.channels_last), "labels": labels}


def class_weights(photos: Photos) -> torch.Tensor:
    """``(classes,)`` weights that rise with a class's rarity, 1 on average over the pixels of known class."""
    counts = np.zeros(len(CLASSES))
    for source, share in zip(photos.sources, photos.shares, strict=True):
        pool = photos.by_source[source]
        for found in pool:
            some = found.labels[::4, ::4]
            counts += share / len(pool) * np.array([np.mean(some == 1 << k) for k in range(len(CLASSES))])
    counts /= max(counts.sum(), 1e-9)
    weights = np.maximum(counts, 0.004) ** -RARE
    return torch.from_numpy(weights / max((weights * counts).sum(), 1e-9)).float()


def reading_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """``(B,)`` negative log-likelihoods of sets: ``-log sum of p(k) over k in the set``, averaged over pixels.

    logits (B, K, h, w); labels (B, h, w) int64 sets as bits; weights (K,). Pixels that may be anything do not count.
    """
    classes = logits.shape[1]
    member = (labels[:, None] >> torch.arange(classes, device=labels.device)[:, None, None]) & 1 == 1
    of_set = logits.float().log_softmax(dim=1).masked_fill(~member, -1e4).logsumexp(dim=1)
    size = member.sum(dim=1)
    weight = torch.where(size == 1, (member * weights[:, None, None]).sum(dim=1), torch.full_like(of_set, VAGUE))
    weight = weight * (labels != int(ANYTHING))
    # over the batch's mean weight, so that a photo with one small region does not weigh as much as a full map
    return -(weight * of_set).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)).mean().clamp_min(1e-6)


def train_reader(data: Path, out: Path, config: ReaderTrainConfig) -> Path:
    """Trains the reader on the train split of a folder of sets; returns its component (``out/reader``).

    Resumes from ``out/checkpoints``. ValueError if the folder holds no set with photographs and labels.
    """
    accelerator = make_accelerator(config, out)
    unknown = [name for name in config.sources if name not in SOURCES]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is no set of labeled photographs; use some of {', '.join(SOURCES)}.")
    sources = [source for source in discover(data) if source[0] in config.sources]
    photos = Photos(list(read_photos(sources, ("train",), PHOTO)), config.view)
    weights = class_weights(photos).to(accelerator.device)
    network = ReaderNetwork(reader_config()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = Run(accelerator, network, config, out)

    def loss(net: nn.Module, batch: Batch) -> torch.Tensor:
        return reading_loss(net(batch["photo"]), batch["labels"], weights)

    average = run.loop(batches(photos, config, run.state["step"]), loss)
    trained = accelerator.unwrap_model(run.network)
    for own, last in zip(average.buffers(), trained.buffers(), strict=True):
        own.copy_(last)  # running statistics: the average of weights leaves them as they were
    assert isinstance(average, ReaderNetwork)
    plain = folded(average.cpu())
    save_component(out / "reader", plain, plain.config)
    return out / "reader"
