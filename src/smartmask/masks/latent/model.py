"""SmartMaskLatentModel: a diffusion model draws the new object white over the scene's layout; it is read off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smartmask.geometry import mask_box
from smartmask.guides import MaskGuide
from smartmask.io.hub import fetched_folder
from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.latent import files, parts
from smartmask.masks.latent.asking import Asked, ask, frame_of, guides_of, tells_place
from smartmask.masks.latent.layout import Canvas, frame_round, read_off, whiteness
from smartmask.masks.latent.parts import LatentParts, LatentSettings
from smartmask.masks.latent.sampling import Chance, branch_weights, sample
from smartmask.masks.model import MaskRequest, Progress, Suggestion
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.text.typical import typical_size

WHAT, WITHOUT = "mask model", "without it the bundled weights work, offline"
MOST_FEW_STEPS = 50  # of an LCMScheduler: it was distilled on no more times


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
        folded = self.parts.settings.folded
        given = request.guidance_scale, request.context_guidance_scale
        if folded and any(scale not in (None, 1, 1.0) for scale in given):
            notes.append(
                f"This model was distilled with weights of guidance ({folded[0]:g} for the name, {folded[1]:g} for the "
                "context), which it keeps; others are left out."
            )
        return notes

    @torch.inference_mode()
    def suggest(
        self, scene: Scene, request: MaskRequest, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[Suggestion]:
        """One suggestion a seed; all of its chance is the noise of its seed.

        Where the model sees frames and nothing tells one, it looks twice: at the whole scene for the place, then at a
        frame round what it drew there, which is its guide.
        """
        # 1. the layout of the first k layers, guide and texts, as the network sees them
        settings = self.parts.settings
        frame = frame_of(scene, request, settings.frame)
        canvas = Canvas.of(scene, settings.side, frame)
        asked = ask(self.parts, scene, request, canvas, guides_of(request), self.device)
        twice = bool(settings.frame) and not tells_place(request)
        weights, steps = self._weights(request), self._steps(request)
        every = len(seeds) * steps * (1 + twice)
        # 2. draw, batch by batch, and read off
        result: list[Suggestion] = []
        for batch, kept in _batches(seeds, self.at_once):
            before = len(result) * steps * (1 + twice)

            def on_step(done: int, of_all: int, before: int = before, now: int = kept) -> None:
                if progress is not None:
                    progress(before + done * now, every)

            found = self._draw([asked] * len(batch), batch, steps, weights, on_step)
            if twice:
                found = self._look_closer(scene, request, found, steps, weights, on_step)
            result += found[:kept]
        return result

    # --- steps -----------------------------------------------------------------------------------

    def _look_closer(
        self, scene: Scene, request: MaskRequest, found: list[Suggestion], steps: int,
        weights: dict[tuple[bool, bool], float], on_step: Any,
    ) -> list[Suggestion]:  # fmt: skip
        """The second look: each found mask again, in a frame round it; as it was where there is no smaller frame."""
        asked: list[Asked | None] = []
        for one in found:
            box = one.window.bounds
            frame = None
            if one.score > 0 and box is not None:
                frame = frame_round(box, self.parts.settings.frame, scene.height, scene.width)
            canvas = Canvas.of(scene, self.parts.settings.side, frame)
            guides = (*request.guides, MaskGuide(one.mask))
            asked.append(None if frame is None else ask(self.parts, scene, request, canvas, guides, self.device))
        present = [one for one in asked if one is not None]
        if not present:
            on_step(2 * steps, 2 * steps)
            return found
        seeds = [one.seed for one in found]
        filled = [one or present[0] for one in asked]  # a batch has one shape; what fills it up is not looked at
        closer = self._draw(filled, seeds, steps, weights, lambda done, of_all: on_step(steps + done, of_all))
        return [old if view is None else new for old, new, view in zip(found, closer, asked, strict=True)]

    def _draw(
        self, asked: Sequence[Asked], seeds: Sequence[int], steps: int, weights: dict[tuple[bool, bool], float],
        on_step: Any,
    ) -> list[Suggestion]:  # fmt: skip
        """What the model draws for each seed, read off."""
        count, network = len(seeds), self.parts.network
        layouts = torch.cat([one.layout for one in asked])
        words, known = asked[0], asked[0].known
        if known.clean is not None and known.stays is not None:
            known = replace(
                known, clean=torch.cat([one.known.clean for one in asked if one.known.clean is not None]),
                stays=torch.cat([one.known.stays for one in asked if one.known.stays is not None]),
            )  # fmt: skip

        def predict(noisy: torch.Tensor, time: torch.Tensor, branches: Sequence[tuple[bool, bool]]) -> torch.Tensor:
            rows = torch.tensor(branches, dtype=torch.long, device=noisy.device).repeat_interleave(count, 0)
            layout = layouts.repeat(len(branches), 1, 1, 1)
            wide = noisy.repeat(len(branches), 1, 1, 1)
            return network(wide, layout, time, words.objects[rows[:, 0]], words.contexts[rows[:, 1]])

        chance = Chance.of(seeds, layouts.shape[1:], self.device)
        scheduler = type(self.parts.scheduler).from_config(self.parts.scheduler.config)
        latents = sample(predict, chance, scheduler, steps, weights, on_step, known)
        pixels = self.parts.codec.decode(latents).float().cpu()
        pictures = ((pixels + 1) * 127.5).permute(0, 2, 3, 1).numpy()
        return [self._read(*one) for one in zip(asked, seeds, pictures, strict=True)]

    def _read(self, asked: Asked, seed: int, drawn: np.ndarray) -> Suggestion:
        """drawn: (side, side, 3) float32, 0 to 255."""
        mask, clear = read_off(whiteness(drawn, asked.picture), asked.canvas, asked.barred)
        box = mask_box(mask) or (0.0, 0.0, 1.0, 1.0)
        why = {"model": self.parts.settings.preset, "clear": clear}
        if asked.canvas.frame is not None:
            why["frame"] = [round(edge, 2) for edge in asked.canvas.frame]
        return Suggestion(mask, box, asked.order, seed, clear, why)

    def _weights(self, request: MaskRequest) -> dict[tuple[bool, bool], float]:
        """Of the branches: what is asked, else the model's own; those that were distilled into it stay."""
        settings: LatentSettings = self.parts.settings
        own, context = request.guidance_scale, request.context_guidance_scale
        if settings.folded:
            own = context = None
        defaults = settings.defaults
        return branch_weights(
            defaults.guidance_scale if own is None else own,
            defaults.context_guidance_scale if context is None else context,
        )

    def _steps(self, request: MaskRequest) -> int:
        steps = request.steps or self.parts.settings.defaults.steps
        if self.parts.settings.folded and steps > MOST_FEW_STEPS:
            raise ValueError(f"The model was distilled for few steps, not {steps}; ask for 1 to {MOST_FEW_STEPS}.")
        return steps


def _batches(seeds: Sequence[int], size: int) -> Iterator[tuple[list[int], int]]:
    """Seeds in batches of one size, the last filled up with its own first seed; with how many count."""
    for low in range(0, len(seeds), size):
        part = list(seeds[low : low + size])
        yield part + part[:1] * (size - len(part)), len(part)
