"""Training of SmartMask as published (arXiv 2312.05039): the U-Net learns to draw the next object over a layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from smartmask.data.pack import Pack
from smartmask.data.shards.source import Shards, is_shards
from smartmask.io.diffusion import add_lora, merge_lora
from smartmask.io.hub import fetched_folder
from smartmask.io.publish import replacing_folder, save_tensors
from smartmask.masks.latent import files, parts
from smartmask.masks.latent.asking import as_pictures
from smartmask.masks.latent.parts import LatentParts
from smartmask.masks.latent.presets import LatentPreset, latent_preset
from smartmask.text.encoder import TextEncoder
from smartmask.train.chance import below, generators, normal
from smartmask.train.settings import LatentTrainSettings
from smartmask.train.task import Losses, Task, Tensors
from smartmask.train.tasks.latent_frames import check_frame
from smartmask.train.tasks.latent_pairs import Drawing, LatentPairs, PairStream
from smartmask.train.tasks.latent_random import random_parts
from smartmask.train.tasks.latent_shards import ShardPairStream, dev_scenes
from smartmask.train.tasks.latent_sheet import LatentSheet
from smartmask.train.trainer import Trainer

SAVED, ADAPTER = "latent", "latent_adapter"


def latent_loss(network: Any, batch: Tensors, made_of: LatentParts, noising: Any) -> Losses:
    """Mean squared error of what the scheduler predicts (eq. 2's noise, or velocity), at uniform times.

    Each sample's noise and time come from its own seed, ``batch["chance"]``.

    noising: a DDPMScheduler of the model's own noise levels.
    """
    clean = made_of.codec.encode(as_pictures(batch["target"]))
    layout = made_of.codec.encode(as_pictures(batch["shown"]))
    words = made_of.words
    objects, contexts = words.states(batch["objects"]), words.states(batch["contexts"])
    drawn = generators(batch["chance"])
    noise, time = normal(drawn, clean), below(drawn, noising.config.num_train_timesteps, clean.device)
    answer = network(noising.add_noise(clean, noise, time), layout, time, objects, contexts)
    predicts = noising.config.prediction_type
    wanted = {"epsilon": noise, "sample": clean}.get(predicts)
    if wanted is None:
        wanted = noising.get_velocity(clean, noise, time)
    return {"loss": (answer - wanted).square().mean()}


def latent_task(made_of: LatentParts, stream: PairStream, sheet: LatentSheet | None, lora: bool = False) -> Task:
    """The U-Net's training; codec and texts stay as they are. lora: its network has LoRA matrices."""
    from diffusers import DDPMScheduler

    noising = DDPMScheduler.from_config(made_of.scheduler.config)

    def loss(network: Any, batch: Tensors) -> Losses:
        return latent_loss(network, batch, made_of, noising)

    return Task(
        SAVED, made_of.network, stream, loss,
        save=lambda network, out: save(replace(made_of, network=network), out, lora),
        validate=None if sheet is None else lambda network, step: sheet.draw(replace(made_of, network=network), step),
        facts={"objects": len(stream.pairs.targets), "preset": made_of.settings.preset},
    )  # fmt: skip


def drawing_of(settings: LatentTrainSettings) -> Drawing:
    """How the run's pairs are drawn."""
    return Drawing(
        check_frame(settings.frame), settings.share, "guides" not in settings.without, "context" not in settings.without
    )


def save(trained: LatentParts, out: Path, lora: bool) -> None:
    """The model, ``out/latent``; of LoRA matrices also what was trained alone, ``out/latent_adapter``: the matrices in
    diffusers' form, and the new layers. In the model they are merged."""
    if lora:
        network = trained.network
        layers = {"conv_in." + name: value for name, value in network.unet.conv_in.state_dict().items()}
        with replacing_folder(out / ADAPTER) as partial:
            network.unet.save_lora_adapter(partial)
            save_tensors({**layers, "marks": network.marks.marks.detach()}, partial / "layers.safetensors")
        merge_lora(network.unet)
    files.save(trained, out / SAVED)


def start(settings: LatentTrainSettings, preset: LatentPreset, text: TextEncoder) -> LatentParts:
    """The parts to train: from the preset's base, random ones of its size, or new; on the run's canvas and in its
    frames, with LoRA if it is asked for."""
    made = _start(settings, preset, text)
    own = made.settings
    defaults = replace(own.defaults, context_guidance_scale=0.0) if "context" in settings.without else own.defaults
    changed = replace(own, side=settings.side or own.side, frame=settings.frame, defaults=defaults)
    parts.check_side(made, changed.side)
    if settings.lora:
        if preset.base is None:
            raise ValueError(f"LoRA adapts a trained model; the preset '{settings.preset}' has none, leave --lora out.")
        torch.manual_seed(settings.seed)
        unet = made.network.unet
        add_lora(unet, settings.rank, [unet.conv_in])
    return replace(made, settings=changed)


def _start(settings: LatentTrainSettings, preset: LatentPreset, text: TextEncoder) -> LatentParts:
    """As the base or the preset has them."""
    if settings.random_weights:
        if settings.base is not None:
            raise ValueError(f"Random weights have no base; leave --base {settings.base} or --random-weights out.")
        return random_parts(settings.preset, text, settings.seed)
    if preset.base is not None:
        folder = fetched_folder(settings.base or preset.base, "base model", "the preset 'tiny' needs none")
        return parts.from_stable_diffusion(folder, text, settings.preset)
    if settings.base is not None:
        raise ValueError(f"The preset '{settings.preset}' starts from nothing; leave --base {settings.base} out.")
    return parts.new(settings.preset, text, settings.seed)


def move_frozen(made_of: LatentParts, device: torch.device) -> None:
    """Codec and texts to where the U-Net is trained."""
    for frozen in (made_of.codec, made_of.words):
        for module in vars(frozen).values():
            if isinstance(module, torch.nn.Module):
                module.to(device)


def data_of(
    settings: LatentTrainSettings, made: LatentParts, text: TextEncoder
) -> tuple[PairStream, Pack | None, dict[str, Any]]:
    """``(pairs of the train split, a pack with scenes of the dev split, facts)`` of a pack or of shards."""
    if is_shards(settings.data):
        if settings.share != 100:
            raise ValueError(f"The share {settings.share} is of a pack's pictures; give a pack, or fewer shards.")
        stream = ShardPairStream(
            Shards.at(settings.data, "train"), text, made.settings.side, made.words, settings.batch, settings.seed,
            settings.workers, settings.lanes, drawing_of(settings),
        )  # fmt: skip
        return stream, dev_scenes(settings.data), stream.windows.facts
    pack = Pack(settings.data)
    pairs = LatentPairs(pack, text, made.settings.side, drawing=drawing_of(settings))
    return PairStream(pairs, made.words, settings.batch, settings.seed, settings.workers), pack, {}


def train_latent(settings: LatentTrainSettings) -> Path:
    """Trains and returns the folder of the saved model (``out/latent``): ``--weights`` of other commands takes it.

    Only scenes of the train split are used; the sample sheets in ``out/samples`` show the dev split.
    """
    preset = latent_preset(settings.preset)
    settings = settings.model_copy(update=settings.filled(preset.learning_rate, preset.ema, preset.batch))
    text = TextEncoder.from_pretrained(settings.text_folder)
    made = start(settings, preset, text)
    stream, pack, facts = data_of(settings, made, text)
    sheet = None if pack is None else LatentSheet.of(pack, text, made.settings.side, settings.out / "samples")
    task = latent_task(made, stream, sheet, settings.lora)
    trainer = Trainer(replace(task, facts=task.facts | facts), settings, settings.out)
    move_frozen(made, trainer.accelerator.device)
    trainer.fit()
    return settings.out / SAVED
