"""SmartMaskPipeline: scene and object name in, ranked masks out.

Two questions: placement answers where, how big and in front of what (no guide, or points only); the shape
prior and the mask network answer what shape, one drawing a silhouette in the box that the guide or
placement gives, the other fitting it to the layout and the guide.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from smartmask import __version__
from smartmask.checks import check_engine, check_num_masks, check_prompt, check_scale, check_seed, check_steps
from smartmask.data.pairs import context_of
from smartmask.data.view import View
from smartmask.frame import GRID, Frame
from smartmask.geometry import BoxXYXY, shift_box
from smartmask.guidance import Box, Guidance, Guide, MaskGuide, Point, Scribble, as_guides, draw, extent, sample
from smartmask.models.layout import LayoutCrop, render
from smartmask.models.outline import OutlineConfig, OutlineNetwork
from smartmask.models.place_fit import FitConfig, FitNetwork
from smartmask.models.placement import (
    OrderConfig,
    OrderNetwork,
    PlacementConfig,
    PlacementNetwork,
    likely_order,
)
from smartmask.models.presets import load_component, save_component
from smartmask.models.prior import PriorConfig, ShapePrior
from smartmask.models.shape import ShapeConfig, ShapeNetwork
from smartmask.models.text import Meaning, TextEncoder
from smartmask.pipelines.chance import GUESSES, Chance, chances
from smartmask.pipelines.coarse import (
    ask_for,
    clip_to_scene,
    expected_overlap,
    familiar,
    guess_boxes,
    is_rough,
    name_evidence,
)
from smartmask.pipelines.finish import finish, reach, settle, touch
from smartmask.pipelines.places import Places
from smartmask.pipelines.shapes import PLAIN, Defaults, Job, StepCallback, Texts, draw_shapes
from smartmask.scene import Scene

LIKELY = 0.5  # weight of how likely a box is for a rough guide, beside its fit in the scene (docs/decisions.md)
BUNDLED = Path(__file__).parent.parent / "weights" / "small"


@dataclass(frozen=True, eq=False)
class MaskOutput:
    """What the pipeline returns, best first.

    masks, visible: (n, H, W) bool, amodal and amodal minus what stands in front. scores: (n,) in [0, 1].
    orders: index in ``scene.layers`` of each (len(layers) is the front). seeds: the seed of each.
    boxes: the box each was drawn for. timings: seconds a stage. notes: sentences for the user.
    """

    masks: np.ndarray
    visible: np.ndarray
    scores: np.ndarray
    orders: list[int]
    seeds: list[int]
    boxes: list[BoxXYXY]
    timings: dict[str, float]
    notes: list[str]


class SmartMaskPipeline:
    """Masks of where and how an object could stand in a scene; everything runs on the CPU in float32."""

    def __init__(
        self,
        text: TextEncoder,
        shape: ShapeNetwork,
        placement: PlacementNetwork,
        order: OrderNetwork,
        prior: ShapePrior,
        outline: OutlineNetwork,
        fit: FitNetwork,
        defaults: Defaults | None = None,
    ) -> None:
        self.text, self.shape, self.placement, self.order = text, shape.eval(), placement.eval(), order.eval()
        self.prior, self.outline, self.fit = prior.eval(), outline.eval(), fit.eval()
        self.defaults = defaults or Defaults()
        known = [text.encode(name) for name in self.prior.config.known]
        self._known = np.stack(known) if known else np.zeros((0, self.prior.config.text_dim), np.float32)

    # --- saved form --------------------------------------------------------------------------

    @classmethod
    def from_pretrained(cls, folder: str | Path | None = None, engine: str = "torch") -> SmartMaskPipeline:
        """Loads a folder written by ``save_pretrained``; without argument the bundled weights.

        engine: "torch", or "openvino" (models/openvino.py), which needs that package, else ModuleNotFoundError.
        Never touches the network. Raises ValueError, naming the file, if something is missing or damaged.
        """
        check_engine(engine)
        root = BUNDLED if folder is None else Path(folder)
        if not root.is_dir():
            raise ValueError(f"{root} is not a folder of SmartMask weights; leave it out to use the bundled ones.")
        try:
            index = json.loads((root / "model_index.json").read_text())
        except FileNotFoundError:
            raise ValueError(f"{root} has no model_index.json; give a folder written by save_pretrained.") from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{root / 'model_index.json'} is not valid JSON ({error}); restore it.") from None
        if not isinstance(index, dict) or index.get("_class_name") != cls.__name__:
            raise ValueError(f"{root / 'model_index.json'} does not describe a {cls.__name__}; give another folder.")
        shape = load_component(root / "shape", ShapeNetwork, ShapeConfig)
        placement = load_component(root / "placement", PlacementNetwork, PlacementConfig)
        order = load_component(root / "order", OrderNetwork, OrderConfig)
        prior = load_component(root / "prior", ShapePrior, PriorConfig)
        outline = load_component(root / "outline", OutlineNetwork, OutlineConfig)
        fit = load_component(root / "fit", FitNetwork, FitConfig)
        try:
            text = TextEncoder.from_pretrained(root / "text")
            defaults = Defaults(**index.get("defaults", {}))
        except FileNotFoundError as error:
            raise ValueError(str(error)) from None
        except TypeError as error:
            raise ValueError(f"{root / 'model_index.json'} has unfit defaults ({error}); restore it.") from None
        if engine == "openvino":
            from smartmask.models.openvino import CompiledOutline, CompiledPrior, CompiledShape

            shape, prior, outline = CompiledShape(shape), CompiledPrior(prior), CompiledOutline(outline)
        return cls(text, shape, placement, order, prior, outline, fit, defaults)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes ``model_index.json`` and a subfolder a component (JSON and float16 safetensors), atomically."""
        target = Path(folder)
        partial = target.with_name(f".{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_component(partial / "shape", self.shape, self.shape.config)
        save_component(partial / "placement", self.placement, self.placement.config)
        save_component(partial / "order", self.order, self.order.config)
        save_component(partial / "prior", self.prior, self.prior.config)
        save_component(partial / "outline", self.outline, self.outline.config)
        save_component(partial / "fit", self.fit, self.fit.config)
        self.text.save_pretrained(partial / "text")
        index = {
            "_class_name": type(self).__name__,
            "_smartmask_version": __version__,
            "defaults": asdict(self.defaults),
        }
        (partial / "model_index.json").write_text(json.dumps(index, indent=1) + "\n")
        if target.exists():
            shutil.rmtree(target)
        os.replace(partial, target)

    # --- the call ----------------------------------------------------------------------------

    @torch.inference_mode()
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
        callback_on_step_end: StepCallback | None = None,
    ) -> MaskOutput:
        """Masks for ``prompt`` in ``scene``, best first, at the scene's own size.

        context_prompt: a sentence about the whole picture; None uses the scene's caption or its names.
        guidance: a guide, a list of them, or None (the model suggests place, size and depth).
        generator: an int s stands for seeds s, s + 1, ...; a torch.Generator draws them; None is chance.
        The mask of a seed does not depend on ``num_masks``. callback_on_step_end(step, steps) may raise
        to stop. Raises ValueError for bad input.
        """
        # 1. check
        start = time.perf_counter()
        check_prompt(prompt)
        check_num_masks(num_masks)
        guides = as_guides(guidance, scene.height, scene.width)
        scales = self._scales(guidance_scale, context_guidance_scale)
        steps = check_steps(num_inference_steps) or self.defaults.steps
        seeds = _seeds(generator, num_masks)
        # 2. read the texts
        meaning = self.text.understand(prompt)
        notes = [meaning.warning] if meaning.warning else []
        texts, note = self._texts(scene, meaning, context_prompt)
        notes += [note] if note else []
        # 3. place: a box, a depth and a frame for each seed
        clock = {"prepare": time.perf_counter() - start}
        jobs = self._jobs(scene, guides, seeds, texts, meaning.name)
        clock["place"] = time.perf_counter() - start - sum(clock.values())
        # 4. draw the shapes
        ask = ask_for([job.shape_box for job in jobs], guides, scene.height, scene.width, texts.shape)
        painted = any(isinstance(guide, MaskGuide) for guide in guides)
        begin = self.defaults.refine_mask if painted else self.defaults.refine
        # scales that the user gave count at every step
        plain = PLAIN if guidance_scale is None and context_guidance_scale is None else 0.0
        masks = draw_shapes(
            self.prior, self.outline, self.shape, jobs, ask, texts, begin, steps, scales, plain, self.defaults,
            callback_on_step_end,
        )  # fmt: skip
        clock["draw"] = time.perf_counter() - start - sum(clock.values())
        # 5. back to the scene, best first
        full = np.stack([_finished(mask[0], job, guides, scene) for mask, job in zip(masks, jobs, strict=True)])
        filled = [job.shape_box for job in jobs]
        scores = expected_overlap(self.prior, full, filled, ask, self.defaults)
        if not painted:  # a painted outline says more than the name
            scores *= name_evidence(self.prior, full, filled, ask)
        scores *= [place_score(job.density) for job in jobs] * strokes_kept(full, guides)
        rank = sorted(range(num_masks), key=lambda i: (-scores[i], i))
        covered = {order: scene.covered(order) for order in {job.order for job in jobs}}
        visible = np.stack([full[i] & ~covered[jobs[i].order] for i in rank])
        clock["decode"] = time.perf_counter() - start - sum(clock.values())
        return MaskOutput(
            masks=full[rank], visible=visible, scores=scores[rank], orders=[jobs[i].order for i in rank],
            seeds=[jobs[i].seed for i in rank], boxes=[jobs[i].box for i in rank], timings=clock, notes=notes,
        )  # fmt: skip

    def _scales(self, object_scale: float | None, context_scale: float | None) -> tuple[float, float]:
        chosen = self.defaults.guidance_scale if object_scale is None else object_scale
        about = self.defaults.context_guidance_scale if context_scale is None else context_scale
        check_scale(chosen, "guidance_scale")
        check_scale(about, "context_guidance_scale")
        return float(chosen), float(about)

    def _texts(self, scene: Scene, new: Meaning, context_prompt: str | None) -> tuple[Texts, str | None]:
        """The call's vectors, and a note where the object is drawn like another."""
        names = [self.text.encode(layer.name) for layer in scene.layers] or [np.zeros_like(new.vector)]
        context = self.text.encode_context(context_prompt or context_of(scene))
        drawn_by, note = familiar(new, self.prior.config.known, self._known)
        # copies, as the vocabulary's own rows are read-only
        return Texts(new.vector.copy(), drawn_by.copy(), context, np.stack(names)), note

    def _jobs(self, scene: Scene, guides: tuple[Guide, ...], seeds: list[int], texts: Texts, name: str) -> list[Job]:
        chance = chances(seeds, self.prior.config.components)
        height, width = scene.height, scene.width
        density: list[float | None] = [None] * len(seeds)
        region = extent(guides, height, width)
        if region is None or all(isinstance(guide, Point) for guide in guides):
            places = Places(self.placement, self.fit, self.text, scene, guides, texts.context)
            boxes, scores = places.draw(name, torch.stack([c.uniforms for c in chance]))
            density = [float(score) for score in scores]
        else:
            boxes = [_within_reach(region, height, width) if is_rough(guides) else region] * len(seeds)
        shape_boxes = self._shape_boxes(scene, guides, boxes, chance, texts, name)
        jobs: list[Job] = []
        rendered: dict[tuple[BoxXYXY, int], tuple[Frame, LayoutCrop]] = {}
        orders: dict[BoxXYXY, int] = {}
        views: dict[int, View] = {}
        for i, seed in enumerate(seeds):
            box = shape_boxes[i] if is_rough(guides) else boxes[i]
            if box not in orders:
                orders[box] = likely_order(self.order, scene, texts.names, texts.object, box)
            order = orders[box]
            if order not in views:
                views[order] = View.of(scene, order)
            if (box, order) not in rendered:
                frame = Frame.around(box)
                rendered[box, order] = frame, render(views[order], frame, box, guides)
            frame, crop = rendered[box, order]
            jobs.append(Job(seed, chance[i], box, shape_boxes[i], frame, crop, order, density[i]))
        return jobs

    def _shape_boxes(
        self, scene: Scene, guides: tuple[Guide, ...], boxes: list[BoxXYXY], chance: list[Chance], texts: Texts,
        name: str,
    ) -> list[BoxXYXY]:  # fmt: skip
        """The box that each shape fills: the exact or placed one, or for rough guides a guess, inside the scene.

        A guess is the best of GUESSES: likely for the guide, and fit for the scene.
        """
        height, width = scene.height, scene.width
        if is_rough(guides):
            ask = ask_for(boxes[:1], guides, height, width, texts.shape)
            edges = torch.stack([c.edges for c in chance])
            guesses = guess_boxes(self.prior, boxes[0], ask, edges.flatten(0, 1), self.defaults.temperature)
            places = Places(self.placement, self.fit, self.text, scene, guides, texts.context)
            fits = torch.from_numpy(places.fits(name, guesses)).view(len(chance), -1)
            best = (fits - LIKELY * edges.square().sum(-1) / 2).argmax(1).tolist()
            boxes = [guesses[i * GUESSES + k] for i, k in enumerate(best)]
        return [clip_to_scene(box, height, width) for box in boxes]


def _within_reach(region: BoxXYXY, height: int, width: int) -> BoxXYXY:
    """The part of a rough guide's extent that is no further from the scene than the scene is wide and high."""
    x0, y0, x1, y1 = region
    return max(x0, -width), max(y0, -height), min(x1, 2.0 * width), min(y1, 2.0 * height)


def _seeds(generator: int | torch.Generator | None, count: int) -> list[int]:
    if isinstance(generator, torch.Generator):
        return [int(s) for s in torch.randint(2**31, (count,), generator=generator, device=generator.device)]
    if generator is None:
        return [int(s) for s in np.random.default_rng().integers(2**31, size=count)]
    check_seed(generator)
    return [generator + i for i in range(count)]


def place_score(density: float | None) -> float:
    """Log density of a place -> (0, 1], 1 where the user gave the place."""
    return 1.0 if density is None else 1 / (1 + math.exp(-density / 4 - 1))


def strokes_kept(masks: np.ndarray, guides: tuple[Guide, ...]) -> np.ndarray:
    """``(n,)`` in [1/4, 1]: how much of the user's strokes each (H, W) mask covers; 1 without strokes."""
    strokes = draw([guide for guide in guides if isinstance(guide, Scribble)], *masks.shape[1:]) >= 0.5
    if not strokes.any():
        return np.ones(len(masks))
    return 0.25 + 0.75 * masks[:, strokes].mean(axis=1)


def _finished(values: np.ndarray, job: Job, guides: tuple[Guide, ...], scene: Scene) -> np.ndarray:
    """A job's mask in the scene: it meets an exact box, a lone point lies on it, it settles on points and strokes."""
    exact = any(isinstance(guide, Box) for guide in guides)
    frame = job.frame
    if len(guides) == 1 and isinstance(guides[0], Point):
        x, y = guides[0].x, guides[0].y
        frame = reach(values, frame, x, y)
        frame = settle(values, frame, sample(guides, *frame.grid(GRID), scene.height, scene.width))
        frame = touch(finish(values, frame, scene.height, scene.width), frame, x, y)
    elif guides and all(isinstance(guide, (Point, Scribble)) for guide in guides):
        frame = settle(values, frame, sample(guides, *frame.grid(GRID), scene.height, scene.width))
    dx, dy = frame.cx - job.frame.cx, frame.cy - job.frame.cy
    job.box, job.shape_box = shift_box(job.box, dx, dy), shift_box(job.shape_box, dx, dy)
    return finish(values, frame, scene.height, scene.width, job.box if exact else None)
