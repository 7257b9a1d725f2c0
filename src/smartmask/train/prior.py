"""Training of the shape prior: samples drawn once into memory, then many cheap epochs over them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from smartmask import diffusion
from smartmask.data.pack import Pack
from smartmask.data.pairs import Pair
from smartmask.frame import BOX_SIDE, box_shape
from smartmask.geometry import BoxXYXY
from smartmask.guidance import extent
from smartmask.models.presets import prior_preset, save_component
from smartmask.models.prior import PriorConfig, ShapeAsk, ShapePrior, box_geometry, guide_cells
from smartmask.models.text import TextEncoder
from smartmask.train.dataset import PairStream, find_targets
from smartmask.train.loop import Batch, LoopConfig, Run, make_accelerator, one_thread

SOURCES = ("voc", "coco_panoptic", "coco_instances", "cocoa", "pennfudan", "lalonde_efros")
ROUGH = ("blob", "scribble", "mask")  # kinds whose extent is not the object's box
KNOWN = 5  # objects of a name from which on its shape counts as known
LEVELS = 127  # shapes are kept as int8


@dataclass
class PriorTrainConfig(LoopConfig):
    """The loop's settings and the prior's own. samples: drawn before training; drop_object: share without a name;
    text_noise, place_noise: on names and geometry; sources: of the pack (empty: the default ones)."""

    preset: str = "small"
    samples: int = 80_000
    drop_object: float = 0.1
    text_noise: float = 0.15
    place_noise: float = 0.05
    noise_mean: float = 0.1
    sources: list[str] = field(default_factory=list)


def prior_sample(pair: Pair, text: TextEncoder, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A pair as arrays: shape in its box, geometry, guide cells, name; and the same for the guide's extent with
    ``edges``, where the object's box lies in it (``rough`` 1, else 0 and no meaning)."""
    height, width = _photo_size(pair.view.photo)
    box = _jittered(pair.box, rng) if pair.kind == "box" else pair.box
    around = extent(pair.guides, height, width) if pair.kind in ROUGH else None
    region = around or box
    x0, y0, x1, y1 = region
    centre, half = np.array([(x0 + x1) / 2, (y0 + y1) / 2] * 2), max(x1 - x0, y1 - y0, 1.0) / 2
    return {
        "shape": np.round(box_shape(pair.amodal, box) * LEVELS).astype(np.int8).ravel(),
        "object": text.encode(pair.name).astype(np.float32),
        "geometry": box_geometry(box, pair.view.photo, pair.guides),
        "guide": np.round(guide_cells(box, pair.guides, height, width) * 255).astype(np.uint8),
        "extent_geometry": box_geometry(region, pair.view.photo, pair.guides),
        "extent_guide": np.round(guide_cells(region, pair.guides, height, width) * 255).astype(np.uint8),
        "edges": np.clip((np.array(pair.box) - centre) / half, -8, 8).astype(np.float32),
        "rough": np.float32(around is not None),
    }  # fmt: skip


def _jittered(box: BoxXYXY, rng: np.random.Generator) -> BoxXYXY:
    """Most boxes as they are; some a little off, as people draw them and placement guesses them."""
    if rng.random() < 0.7:
        return box
    x0, y0, x1, y1 = box
    dx0, dy0, dx1, dy1 = rng.normal(0, 0.02, 4) * ((x1 - x0), (y1 - y0), (x1 - x0), (y1 - y0))
    return x0 + dx0, y0 + dy0, max(x1 + dx1, x0 + dx0 + 1), max(y1 + dy1, y0 + dy0 + 1)


def _photo_size(photo: BoxXYXY) -> tuple[int, int]:
    return max(round(photo[3] - photo[1]), 1), max(round(photo[2] - photo[0]), 1)


class _Samples(IterableDataset):
    """Endless ``prior_sample`` of a stream of pairs."""

    def __init__(self, stream: PairStream, text: TextEncoder) -> None:
        self.stream, self.text = stream, text

    def __iter__(self) -> Iterator[dict[str, Any]]:
        info = get_worker_info()
        rng = np.random.default_rng([self.stream.seed, info.id if info is not None else 0])
        while True:
            pair = self.stream.draw(rng)
            if pair is not None:
                yield prior_sample(pair, self.text, rng)


def draw_samples(pack: Pack, text: TextEncoder, config: PriorTrainConfig, split: str = "train") -> Batch:
    """``config.samples`` samples of a split, stacked: {name: (samples, ...)}. Raises ValueError without targets."""
    targets = find_targets(pack, split, config.sources or SOURCES)
    stream = PairStream(pack, targets, None, [], seed=config.seed)
    loader = DataLoader(_Samples(stream, text), batch_size=256, num_workers=config.workers, worker_init_fn=one_thread)
    parts: list[Batch] = []
    count = -(-config.samples // 256)
    for part, _ in zip(loader, tqdm(range(count), desc="samples", unit="batch", mininterval=5), strict=False):
        parts.append(part)
    return {key: torch.cat([part[key] for part in parts])[: config.samples] for key in parts[0]}


def kept_samples(pack: Pack, text: TextEncoder, config: PriorTrainConfig, folder: Path) -> Batch:
    """``draw_samples``, kept in ``folder`` (some 5 KB each) so that a resumed run need not draw them again."""
    path = folder / "samples.safetensors"
    recipe = {"pack": pack.path.name, "scenes": len(pack), "samples": config.samples, "seed": config.seed,
              "sources": sorted(config.sources or SOURCES)}  # fmt: skip
    said = {"recipe": json.dumps(recipe, sort_keys=True)}
    if path.is_file():
        with safe_open(path, framework="pt") as file:
            if file.metadata() == said:
                return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    samples = draw_samples(pack, text, config)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(samples, partial, metadata=said)
    partial.replace(path)
    return samples


def known_names(pack: Pack, config: PriorTrainConfig) -> tuple[str, ...]:
    """The names of at least KNOWN training objects, by number."""
    counts = Counter(target.name for target in find_targets(pack, "train", config.sources or SOURCES))
    return tuple(name for name, count in counts.most_common() if count >= KNOWN)


def batches(samples: Batch, config: PriorTrainConfig, network: ShapePrior, step: int) -> Iterator[Batch]:
    """Endless random batches; shapes become components once, since the space does not change."""
    shapes = samples.pop("shape")
    chunks = (network.to_components(chunk.float() / LEVELS) for chunk in shapes.split(8192))
    samples["clean"] = torch.cat(list(chunks))
    generator = torch.Generator().manual_seed(config.seed + step)
    while True:
        rows = torch.randint(len(samples["clean"]), (config.batch,), generator=generator)
        yield {key: value[rows] for key, value in samples.items()}


def prior_loss(network: nn.Module, batch: Batch, weight: torch.Tensor, config: PriorTrainConfig) -> torch.Tensor:
    """``(B,)`` losses: velocity of the components, weighted to the shape's own space, and the box guess.

    weight: (components,), mean 1: the squared scale, so the error counts as it does in the shape.
    """
    clean = batch["clean"]
    count, device = len(clean), clean.device
    t = diffusion.training_times(count, mean=config.noise_mean).to(device)
    noisy = diffusion.add_noise(clean, torch.randn_like(clean), t)
    named = batch["object"]
    blur = 2 * t[:, None]  # as with dropout: little where only the outline is left to find
    hazy = named + blur * config.text_noise * named.std() * torch.randn_like(named)
    place = batch["geometry"] + blur * config.place_noise * torch.randn_like(batch["geometry"])
    ask = ShapeAsk(hazy, place, batch["guide"].float() / 255)
    predicted = network(noisy, t, ask, torch.rand(count, device=device) >= config.drop_object).float()
    flow = ((predicted - clean) ** 2 * weight).mean(1) / t.clamp_min(2 * diffusion.MIN_TIME) ** 2
    named = named + config.text_noise * named.std() * torch.randn_like(named)
    around = ShapeAsk(named, batch["extent_geometry"], batch["extent_guide"].float() / 255)
    mean, log_deviation = cast(ShapePrior, network).guess_box(around)
    off = (batch["edges"] - mean.float()) * torch.exp(-log_deviation.float())
    guess = (0.5 * off.clamp(-6, 6) ** 2 + log_deviation.float()).sum(1)
    return flow + 0.05 * batch["rough"] * guess


def train_prior(pack_path: Path, text_folder: Path, out: Path, config: PriorTrainConfig) -> Path:
    """Trains and returns the folder of the saved component (``out/prior``). Resumes as mask training does."""
    accelerator = make_accelerator(config, out)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    preset: PriorConfig = replace(prior_preset(config.preset), known=known_names(pack, config))
    samples = kept_samples(pack, text, config, out)
    network = ShapePrior(preset)
    network.fit_space(samples["shape"].view(-1, BOX_SIDE**2).float() / LEVELS)
    run = Run(accelerator, network, config, out)
    plain = accelerator.unwrap_model(run.network)
    weight = (plain.scale**2 / (plain.scale**2).mean()).to(accelerator.device)
    average = run.loop(
        batches(samples, config, plain, run.state["step"]), lambda net, batch: prior_loss(net, batch, weight, config)
    )
    save_component(out / "prior", average, preset)
    return out / "prior"
