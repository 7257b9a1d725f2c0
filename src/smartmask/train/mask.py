"""Training of the mask network on a pack of scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from smartmask import diffusion
from smartmask.data.pack import Pack
from smartmask.models.presets import load_weights, save_component, shape_preset
from smartmask.models.shape import ShapeNetwork
from smartmask.models.text import TextEncoder
from smartmask.train.dataset import PairStream, collate_condition, find_targets
from smartmask.train.loop import Batch, LoopConfig, Run, make_accelerator, one_thread
from smartmask.train.samples import SampleSheet

DROP_OBJECT, DROP_CONTEXT, DROP_BOTH = 0.05, 0.10, 0.10  # text dropout for classifier-free guidance
UNSURE = 0.3  # weight of the amodal target where nobody could see it


@dataclass
class MaskTrainConfig(LoopConfig):
    """The loop's settings and the mask network's own.

    composed: chance that a complete object is put into another scene. noise_mean: mean of the
    logit-normal times. text_noise: noise on text vectors, in their standard deviations. sources: the
    pack's sources to train on (empty: the default ones).
    """

    preset: str = "small"
    composed: float = 0.6
    noise_mean: float = 0.8
    text_noise: float = 0.1
    sources: list[str] = field(default_factory=list)


def training_loss(network: nn.Module, batch: Batch, names: torch.Tensor, config: MaskTrainConfig) -> torch.Tensor:
    """``(B,)`` losses of one batch: random time, text dropout and noise on the text vectors."""
    clean = batch["clean"]
    count, device = len(clean), clean.device
    t = diffusion.training_times(count, mean=config.noise_mean).to(device)
    noisy = diffusion.add_noise(clean, torch.randn_like(clean), t)
    draw = torch.rand(count, device=device)
    both = draw >= 1 - DROP_BOTH
    drop_object = (draw < DROP_OBJECT) | both
    drop_context = ((draw >= DROP_OBJECT) & (draw < DROP_OBJECT + DROP_CONTEXT)) | both
    condition = collate_condition(batch, _jitter(names, config.text_noise))
    condition.object = _jitter(condition.object, config.text_noise)
    predicted = network(noisy, t, condition, ~drop_object, ~drop_context).float()
    known = nn.functional.interpolate(batch["known"][:, None], size=clean.shape[-2:], mode="nearest")
    weight = torch.cat([UNSURE + (1 - UNSURE) * known, torch.ones_like(known)], dim=1)
    return diffusion.loss(predicted, clean, t, weight)


def _jitter(vectors: torch.Tensor, scale: float) -> torch.Tensor:
    return vectors + scale * vectors.std() * torch.randn_like(vectors)


def name_table(pack: Pack, text: TextEncoder) -> tuple[list[str], torch.Tensor]:
    """All layer names of a pack, sorted, and their vectors (N, text_dim)."""
    names = sorted({name for layers in pack.meta.layer_names for name in layers})
    return names, torch.from_numpy(np.stack([text.encode(name) for name in names]).astype(np.float32))


def train(pack_path: Path, text_folder: Path, out: Path, config: MaskTrainConfig, init: Path | None = None) -> Path:
    """Trains and returns the folder of the saved component (``out/shape``), the average's weights in float16.

    Resumes from the newest sound checkpoint in ``out/checkpoints`` if there is one, else starts from the
    component folder ``init`` or afresh. TensorBoard logs and sample sheets go to ``out``.
    """
    preset = shape_preset(config.preset)
    accelerator = make_accelerator(config, out)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    names, vectors = name_table(pack, text)
    table = vectors.to(accelerator.device)
    network = ShapeNetwork(preset)
    if init is not None:
        load_weights(init, network)
    run = Run(accelerator, network, config, out)
    loader = _loader(pack, text, names, config, run.state["step"])
    sheet = SampleSheet(pack, text, names, out / "samples", seed=config.seed)
    average = run.loop(
        iter(loader),
        lambda net, batch: training_loss(net, batch, table, config),
        lambda net, step: sheet.draw(net, table, step),
    )
    save_component(out / "shape", average, preset)
    return out / "shape"


def _loader(pack: Pack, text: TextEncoder, names: Sequence[str], config: MaskTrainConfig, step: int) -> DataLoader:
    targets = find_targets(pack, "train", config.sources) if config.sources else find_targets(pack, "train")
    if not targets:
        raise ValueError(f"The pack has no trainable object in its train split; sources asked for: {config.sources}.")
    # a resumed run draws other samples than the ones it has seen
    stream = PairStream(pack, targets, text, names, seed=config.seed + step, composed=config.composed)
    return DataLoader(stream, batch_size=config.batch, num_workers=config.workers,
                      prefetch_factor=4 if config.workers else None, worker_init_fn=one_thread)  # fmt: skip
