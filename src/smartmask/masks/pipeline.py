"""SmartMaskPipeline: scene and name in, ranked masks out. It checks, asks the model, ranks, finds what is seen."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.guides import Guidance, as_guides
from smartmask.io.checks import check_num_masks, check_order, check_pool, check_seed
from smartmask.masks.load import load_mask_model, save_mask_model
from smartmask.masks.model import Facing, MaskModel, MaskOutput, MaskRequest, Progress, Suggestion
from smartmask.masks.rank import spread
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

if TYPE_CHECKING:
    import torch


class SmartMaskPipeline:
    """Masks of where and how an object could stand in a scene, from any mask model; it knows nothing of networks."""

    def __init__(self, model: MaskModel) -> None:
        self.model = model

    @classmethod
    def from_pretrained(
        cls, folder: str | Path | None = None, *, licences: str = "all", memory: str | Path | None = None,
        revision: str | None = None,
    ) -> SmartMaskPipeline:  # fmt: skip
        """Loads a folder written by ``save_pretrained``, or a hub name; without argument the bundled weights.

        licences: "all" or "open": which remembered outlines are used. memory: a folder of outlines of the user's own
        (``smartmask memory add``); None uses the standard one if there is any. revision: of a hub name.
        Only a hub name touches the network. Raises ValueError, naming the file, if something is missing or damaged.
        """
        return cls(load_mask_model(folder, revision=revision, licences=licences, memory=memory))

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> SmartMaskPipeline:
        """Moves the model's networks, as in diffusers; the pipeline itself is returned.

        The bundled model stays where it is: it works in whole numbers on the CPU, which makes its masks the same on
        every machine, and takes a tenth of a second. Raises ValueError for a device that is not there.
        """
        self.model.to(device, dtype)
        return self

    @property
    def text(self) -> TextEncoder:
        """The model's vocabulary, for whoever has to read the same names."""
        return self.model.text

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes ``model_index.json`` and a subfolder a component (JSON and safetensors), atomically."""
        save_mask_model(self.model, Path(folder))

    def __call__(
        self,
        scene: Scene,
        prompt: str,
        context_prompt: str | None = None,
        guidance: Guidance = None,
        num_masks: int = 8,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        context_guidance_scale: float | None = None,
        generator: int | torch.Generator | None = None,
        callback_on_step_end: Progress | None = None,
        *,
        not_here: Guidance = None,
        order: int | None = None,
        facing: Facing | None = None,
        like: np.ndarray | None = None,
        like_distance: float = 0.3,
        diverse: bool = False,
    ) -> MaskOutput:
        """Masks for ``prompt`` in ``scene``, best first, at the scene's own size.

        context_prompt: a sentence about the whole picture; None uses the scene's caption or its names.
        guidance: a guide, a list of them, or None (the model suggests place, size and depth). not_here: guides that
        say where the object is not. order: the depth, an index in ``scene.layers``; None lets the model say.
        facing: "left" or "right". like: (H, W) bool, a mask whose variations are wanted, ``like_distance`` 0 (near)
        to 1 (far). diverse: draws four times as many and keeps those that are good and differ.
        generator: an int s stands for seeds s, s + 1, ...; a torch.Generator draws them; None is chance.
        The mask of a seed does not depend on ``num_masks``. callback_on_step_end(done, all) may raise to stop.
        Raises ValueError for bad input.
        """
        # 1. check
        start = time.perf_counter()
        num_masks = check_num_masks(num_masks)
        order = check_order(order, len(scene.layers))
        request = MaskRequest.of(
            object=prompt, context=context_prompt, guides=as_guides(guidance, scene.height, scene.width),
            not_here=as_guides(not_here, scene.height, scene.width), order=order, guidance_scale=guidance_scale,
            context_guidance_scale=context_guidance_scale, steps=num_inference_steps, facing=facing,
            like=_like(like, scene), like_distance=like_distance, diverse=diverse,
        )  # fmt: skip
        drawn = check_pool(num_masks) if diverse else num_masks
        seeds = seeds_of(generator, drawn)
        # 2. ask the model
        suggestions = self.model.suggest(scene, request, seeds, callback_on_step_end)
        clock = {"suggest": time.perf_counter() - start}
        # 3. rank; what stands in front covers
        ranked = sorted(suggestions, key=lambda s: (-s.score, seeds.index(s.seed)))
        ranked = spread(ranked, num_masks) if diverse else ranked
        output = _output(scene, ranked, self.model.notes(scene, request), clock)
        clock["rank"] = time.perf_counter() - start - clock["suggest"]
        return output


def _output(scene: Scene, ranked: list[Suggestion], notes: list[str], clock: dict[str, float]) -> MaskOutput:
    return MaskOutput(
        windows=[s.window for s in ranked], seen=[s.window.without(scene.fronts(s.order)) for s in ranked],
        scores=np.array([s.score for s in ranked]), orders=[s.order for s in ranked], seeds=[s.seed for s in ranked],
        boxes=[s.box for s in ranked], why=[s.why for s in ranked], timings=clock, notes=notes,
    )  # fmt: skip


def _like(mask: np.ndarray | None, scene: Scene) -> np.ndarray | None:
    if mask is None:
        return None
    try:
        given = np.asarray(mask)
    except ValueError:  # rows of several lengths
        given = np.empty(0)
    if given.dtype.kind not in "biuf" or (given.dtype.kind == "f" and not np.isfinite(given).all()):
        raise ValueError(f"The mask to vary holds {given.dtype} values; give a (height, width) mask of 0 and 1.")
    if given.shape != (scene.height, scene.width):
        raise ValueError(f"The mask to vary has shape {given.shape}, but the scene is {scene.width}x{scene.height}.")
    if not given.any():
        raise ValueError("The mask to vary is empty; give one with at least one pixel.")
    return given.astype(bool)


def seeds_of(generator: int | torch.Generator | None, count: int) -> list[int]:
    """The seeds that a generator argument stands for."""
    torch: Any = sys.modules.get("torch")  # whoever has a torch.Generator has loaded torch
    if torch is not None and isinstance(generator, torch.Generator):
        return [int(s) for s in torch.randint(2**31, (count,), generator=generator, device=generator.device)]
    if generator is None:
        first = int(np.random.default_rng().integers(2**31))
        return [first + i for i in range(count)]
    first = check_seed(generator, count - 1)  # type: ignore[arg-type]
    return [first + i for i in range(count)]
