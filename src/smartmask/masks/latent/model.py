"""SmartMaskLatentModel: a diffusion model draws the new object white over the scene's layout; it is read off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smartmask.geometry import mask_box
from smartmask.io.hub import fetched_folder
from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.latent import files, parts
from smartmask.masks.latent.layout import Canvas, guided, read_off, whiteness
from smartmask.masks.latent.palette import coloured
from smartmask.masks.latent.parts import LatentParts
from smartmask.masks.latent.presets import Defaults
from smartmask.masks.latent.sampling import branch_weights, noise_of, sample
from smartmask.masks.model import MaskRequest, Progress, Suggestion
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.text.typical import typical_size

WHAT, WITHOUT = "mask model", "without it the bundled weights work, offline"


@dataclass(frozen=True, eq=False)
class Asked:
    """A request as the network sees it. picture: S_k (side, side, 3) uint8. layout: latent (1, C, h, w) of S~_k.
    objects, contexts: states (2, n, width) of no text and of the text."""

    canvas: Canvas
    picture: np.ndarray
    layout: torch.Tensor
    objects: torch.Tensor
    contexts: torch.Tensor
    order: int


class SmartMaskLatentModel:
    """SmartMask as published: a Stable Diffusion U-Net over layouts, behind the same pipeline as any mask model.

    ``from_pretrained`` loads a saved one, ``from_stable_diffusion`` starts one to be trained.
    at_once: seeds in a batch. With 1 a seed's mask is the same bits whatever is asked beside it; with more, batches are
    filled up to that number, so that every one has the same shape, and still hold what a kernel makes of each row.
    """

    def __init__(self, made_of: LatentParts, at_once: int = 1) -> None:
        self.parts, self.at_once = made_of, at_once
        self.text: TextEncoder = made_of.text
        made_of.network.eval()

    # --- folders -------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(cls, name: str | Path, *, revision: str | None = None) -> SmartMaskLatentModel:
        """The model of a folder that ``save_pretrained`` wrote, or of a hub name."""
        return cls(files.load(fetched_folder(name, WHAT, WITHOUT, revision)))

    @classmethod
    def from_stable_diffusion(
        cls, name: str | Path, *, preset: str = "sd15", text: TextEncoder | None = None, revision: str | None = None
    ) -> SmartMaskLatentModel:
        """A model to be trained, from a Stable Diffusion 1 or 2 folder or hub name; text: the vocabulary, else the
        bundled one."""
        vocabulary = text or TextEncoder.from_pretrained(BUNDLED_TEXT)
        folder = fetched_folder(name, "base model", "the preset 'tiny' needs none", revision)
        return cls(parts.from_stable_diffusion(folder, vocabulary, preset))

    def save_pretrained(self, folder: str | Path) -> None:
        """A folder in the diffusers format, whole or not at all."""
        files.save(self.parts, Path(folder))

    # --- the protocol ----------------------------------------------------------------------------

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> SmartMaskLatentModel:
        """Itself, its networks moved. ValueError for a device that is not there."""
        try:
            torch.empty(0, device=device, dtype=dtype)
        except (RuntimeError, AssertionError, TypeError) as error:
            reason = str(error).split("\n")[0].rstrip(".")
            raise ValueError(f"The device '{device}' cannot be used ({reason}); try cpu.") from None
        for part in (self.parts.network, self.parts.codec, self.parts.words):
            for module in (part, *vars(part).values()):
                if isinstance(module, torch.nn.Module):
                    module.to(device=device, dtype=dtype)
        return self

    @property
    def device(self) -> torch.device:
        """Where its networks are."""
        return next(self.parts.network.parameters()).device

    def size(self, name: str) -> tuple[float, float]:
        """Height in metres at which pictures show things of a name, and width over height."""
        return typical_size(name, self.text)

    def notes(self, scene: Scene, request: MaskRequest) -> list[str]:
        """What was guessed or left out."""
        notes = []
        if not self.parts.settings.clip and (warning := self.text.understand(request.object).warning):
            notes.append(warning)
        if request.not_here:
            notes.append("Where the object is not cannot be told to this model; it is left out.")
        if request.like is not None:
            notes.append("This model draws no variations of a mask; --like is left out.")
        return notes

    @torch.inference_mode()
    def suggest(
        self, scene: Scene, request: MaskRequest, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[Suggestion]:
        """One suggestion a seed; all of its chance is the noise of its seed."""
        # 1. the layout of the first k layers, guide and texts, as the network sees them
        asked = self._ask(scene, request)
        defaults = self.parts.settings.defaults
        weights = branch_weights(*_scales(request, defaults))
        steps = request.steps or defaults.steps
        # 2. draw, batch by batch
        result: list[Suggestion] = []
        for batch, kept in _batches(seeds, self.at_once):

            def on_step(done: int, every: int, before: int = len(result), now: int = kept) -> None:
                if progress is not None:
                    progress(before * every + done * now, len(seeds) * every)

            pictures = self._draw(asked, batch, steps, weights, on_step)[:kept]
            # 3. read off
            result += [self._read(asked, seed, drawn) for seed, drawn in zip(batch, pictures, strict=False)]
        return result

    # --- steps -----------------------------------------------------------------------------------

    def _ask(self, scene: Scene, request: MaskRequest) -> Asked:
        order = len(scene.layers) if request.order is None else request.order
        canvas = Canvas.of(scene, self.parts.settings.side)
        names = [layer.name for layer in scene.layers[:order]]
        picture = coloured(canvas.top(scene, order), names, self.text)
        shown = guided(picture, canvas.guide(request.guides))
        told = request.object if request.facing is None else f"{request.object} facing {request.facing}"
        context = request.context or scene.caption or context_of_names(names)
        return Asked(
            canvas, picture, self.parts.codec.encode(as_pictures(torch.from_numpy(shown[None]).to(self.device))),
            self._states(told, ""), self._states("", context), order,
        )  # fmt: skip

    def _states(self, name: str, caption: str) -> torch.Tensor:
        """``(2, n, width)``: of no text, and of a name or caption."""
        words = self.parts.words
        tokens = torch.from_numpy(np.stack([words.tokens(""), words.tokens(name, caption)]))
        return words.states(tokens.to(self.device))

    def _draw(
        self, asked: Asked, seeds: Sequence[int], steps: int, weights: dict[tuple[bool, bool], float], on_step: Any
    ) -> np.ndarray:
        """``(n, side, side, 3)`` float32, 0 to 255: what the model draws for each seed."""
        count, network = len(seeds), self.parts.network

        def predict(noisy: torch.Tensor, time: torch.Tensor, branches: Sequence[tuple[bool, bool]]) -> torch.Tensor:
            rows = torch.tensor(branches, dtype=torch.long, device=noisy.device).repeat_interleave(count, 0)
            layout = asked.layout.expand(len(rows), -1, -1, -1)
            wide = noisy.repeat(len(branches), 1, 1, 1)
            return network(wide, layout, time, asked.objects[rows[:, 0]], asked.contexts[rows[:, 1]])

        noise = torch.stack([noise_of(seed, asked.layout.shape[1:]) for seed in seeds]).to(self.device)
        scheduler = type(self.parts.scheduler).from_config(self.parts.scheduler.config)
        latents = sample(predict, noise, scheduler, steps, weights, on_step)
        pixels = self.parts.codec.decode(latents).float().cpu()
        return ((pixels + 1) * 127.5).permute(0, 2, 3, 1).numpy()

    def _read(self, asked: Asked, seed: int, drawn: np.ndarray) -> Suggestion:
        mask, clear = read_off(whiteness(drawn, asked.picture), asked.canvas)
        box = mask_box(mask) or (0.0, 0.0, 1.0, 1.0)
        return Suggestion(mask, box, asked.order, seed, clear, {"model": self.parts.settings.preset, "clear": clear})


def as_pictures(pixels: torch.Tensor) -> torch.Tensor:
    """``(n, H, W, 3)`` of 0 to 255 -> ``(n, 3, H, W)`` float32 in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def context_of_names(names: Sequence[str]) -> str:
    """What is said of a scene without a caption: its names."""
    return "a scene with " + ", ".join(dict.fromkeys(names)) if names else ""


def _scales(request: MaskRequest, defaults: Defaults) -> tuple[float, float]:
    own, context = request.guidance_scale, request.context_guidance_scale
    return (
        defaults.guidance_scale if own is None else own,
        defaults.context_guidance_scale if context is None else context,
    )


def _batches(seeds: Sequence[int], size: int) -> Iterator[tuple[list[int], int]]:
    """Seeds in batches of one size, the last filled up with its own first seed; with how many count."""
    for low in range(0, len(seeds), size):
        part = list(seeds[low : low + size])
        yield part + part[:1] * (size - len(part)), len(part)
