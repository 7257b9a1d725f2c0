"""Laying objects: which mask each requested object gets, one after another, before anything is painted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.geometry import MaskWindow
from smartmask.guides import Guidance, as_guides
from smartmask.image.composition import LayerKind
from smartmask.io.checks import MAX_MASKS, check_num_masks, check_order, check_pick, check_prompt, check_seed
from smartmask.io.watch import Progress
from smartmask.masks.draws import seed_of_object
from smartmask.masks.weights import Weights
from smartmask.scene import Scene

if TYPE_CHECKING:
    from smartmask.masks.model import MaskOutput
    from smartmask.masks.pipeline import SmartMaskPipeline


class HiddenError(ValueError):
    """What stands in front of an object would hide all of it."""


@dataclass(frozen=True, eq=False)
class ObjectRequest:
    """One object to insert.

    prompt: its name.  guidance: a guide, a list of them, or None.  mask: (H, W) bool, the whole object;
    given, no mask is generated.  order: index in the scene's layers as they are when its turn comes (None:
    the model's choice, or the front for a given mask).  context: a sentence about the picture.
    seed: of its first mask (None: counted from the call's).  cutout, cutout_mask: what 'paste' pastes, and
    what of it is the object where the cut-out's own alpha does not say.  reference: a picture of what to paint, for
    models that take one.
    """

    prompt: str
    guidance: Guidance = None
    mask: np.ndarray | None = None
    order: int | None = None
    context: str | None = None
    seed: int | None = None
    cutout: str | Path | np.ndarray | None = None
    cutout_mask: str | Path | np.ndarray | None = None
    reference: str | Path | np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Laid:
    """An object with its place: a request answered.

    window: its mask, amodal.  order: index in the layers of the scene that it was laid into.
    seed: of its mask and painting.  score: the mask's plausibility, None for a given mask.
    output: all candidate masks, None for a given mask.  kind: "object", or "fill" for what takes the
    place of something removed.
    """

    request: ObjectRequest
    window: MaskWindow
    order: int
    seed: int
    score: float | None = None
    output: MaskOutput | None = None
    picked: int | None = None
    kind: LayerKind = "object"

    @property
    def mask(self) -> np.ndarray:
        """``(H, W)`` bool, read only, made when asked for."""
        return self.window.dense()

    @property
    def name(self) -> str:
        return self.request.prompt


@dataclass(frozen=True, eq=False)
class Plan:
    """A scene and the objects laid into it, in the order of their requests; notes: what to know of the scene."""

    scene: Scene
    objects: tuple[Laid, ...]
    notes: tuple[str, ...] = ()

    def after(self, count: int | None = None) -> Scene:
        """The scene with the first ``count`` objects (None: all); ``after(k - 1)`` undoes object k."""
        scene = self.scene
        for laid in self.objects[:count]:
            scene = scene.insert(laid.window, laid.name, laid.order, thing=laid.kind == "object")
        return scene

    def stack(self) -> list[int | None]:
        """For each layer of the last scene, back to front: the number of the object it is, None for an older one."""
        layers: list[int | None] = [None] * len(self.scene.layers)
        for number, laid in enumerate(self.objects):
            layers.insert(laid.order, number)
        return layers

    def with_mask(self, number: int, mask: MaskWindow) -> Plan:
        """The plan with another mask for one object, as an inserter has drawn it."""
        objects = list(self.objects)
        objects[number] = replace(objects[number], window=mask)
        return replace(self, objects=tuple(objects))


def as_requests(prompt: str | ObjectRequest | Sequence[str | ObjectRequest], **shared: Any) -> list[ObjectRequest]:
    """Requests of what ``insert`` takes. ``shared`` (guidance, mask, ...) completes a single text only.

    Raises ValueError if shared values that are not None come with several objects or an ObjectRequest.
    """
    given = {key: value for key, value in shared.items() if value is not None}
    if isinstance(prompt, str):
        return [ObjectRequest(check_prompt(prompt), **given)]
    several = [prompt] if isinstance(prompt, ObjectRequest) else list(prompt) if isinstance(prompt, Sequence) else []
    if not several:
        raise ValueError(f"There is no object to insert in {prompt!r}; give a text such as 'dog', or a list.")
    if given:
        raise ValueError(f"'{next(iter(given))}' is given beside a list of objects; put it into each ObjectRequest.")
    requests = [ObjectRequest(item) if isinstance(item, str) else item for item in several]
    for request in requests:
        if not isinstance(request, ObjectRequest):
            raise ValueError(f"{request!r} is not an object to insert; give texts or ObjectRequests.")
        check_prompt(request.prompt)
    return requests


def check_request(request: ObjectRequest, scene: Scene, known: int) -> None:
    """ValueError for what cannot be laid into a scene of this size and ``known`` layers; costs no model."""
    as_guides(request.guidance, scene.height, scene.width)
    if request.seed is not None:
        check_seed(request.seed)
    check_order(request.order, known, f" of '{request.prompt}'")
    if request.mask is None:
        return
    mask = np.asarray(request.mask)
    if mask.shape != (scene.height, scene.width):
        size = f"{mask.shape[1]}x{mask.shape[0]}" if mask.ndim == 2 else f"of shape {mask.shape}"
        raise ValueError(f"The mask of '{request.prompt}' is {size}, but the photo is {scene.width}x{scene.height}.")
    if not mask.any():
        raise ValueError(f"The mask of '{request.prompt}' is empty; paint at least one pixel.")


def lay(
    scene: Scene,
    requests: Sequence[ObjectRequest],
    *,
    num_masks: int = 8,
    pick: int | None = None,
    pipeline: SmartMaskPipeline | Weights | str | Path | None = None,
    generator: Any = 0,
    callback: Progress | None = None,
) -> Plan:
    """A mask for each request, in order, each seeing the scene with the former ones.

    num_masks: candidates drawn for an object without a mask of its own.  pick: the rank of the one to
    take, 0 the most plausible; None takes the first of which anything would be seen.
    pipeline: a SmartMaskPipeline, Weights or a folder of weights; None the bundled ones; loaded only if needed.
    generator: an int s gives object i the seeds from s + 1000 i on, so that they do not depend on
    ``num_masks``; a torch.Generator draws them; None is chance.
    Raises ValueError for bad input, and for an object that would be wholly hidden.
    """
    num_masks = check_num_masks(num_masks)
    pick = check_pick(pick, num_masks)
    generator = first_seed(generator, MAX_MASKS * (len(requests) - 1) + num_masks - 1)
    for number, request in enumerate(requests):
        check_request(request, scene, len(scene.layers) + number)
    plan = Plan(scene, ())
    for number, request in enumerate(requests):
        start = seed_of_object(generator, number) if isinstance(generator, int) else generator
        start = start if request.seed is None else check_seed(request.seed, num_masks - 1)
        if request.mask is not None:
            laid = _given(request, plan.after(), start)
        else:
            pipeline = as_pipeline(pipeline)
            laid = _generated(request, plan.after(), start, num_masks, pick, pipeline, callback)
        plan = replace(plan, objects=(*plan.objects, laid))
    return plan


def as_pipeline(pipeline: SmartMaskPipeline | Weights | str | Path | None) -> SmartMaskPipeline:
    """The pipeline itself, or that of its weights, of a folder, or (None) the bundled one."""
    if pipeline is None or isinstance(pipeline, (str, Path)):
        pipeline = Weights.of(weights=pipeline)
    return pipeline.load() if isinstance(pipeline, Weights) else pipeline


def _given(request: ObjectRequest, scene: Scene, start: Any) -> Laid:
    order = len(scene.layers) if request.order is None else request.order
    window = MaskWindow.of(np.asarray(request.mask).astype(bool))
    _check_seen(request, window, scene, order)
    return Laid(request, window, order, seed_of(start))


def first_seed(start: Any, added: int = 0) -> Any:
    """A generator argument as it is, but a number as a seed that leaves room for ``added`` more (else ValueError)."""
    torch = sys.modules.get("torch")  # without it nobody has made a generator
    if start is None or (torch is not None and isinstance(start, torch.Generator)):
        return start
    return check_seed(start, added)


def seed_of(start: Any, added: int = 0) -> int:
    """The one seed that a generator argument stands for: an int itself; a torch.Generator draws it; None is chance.

    added: how far seeds are counted up from it; ValueError if that leads beyond the largest.
    """
    start = first_seed(start, added)
    if isinstance(start, int):
        return start
    if start is None:
        return int(np.random.default_rng().integers(2**31))
    import torch  # a torch.Generator: torch is loaded already

    return int(torch.randint(2**31, (1,), generator=start, device=start.device))


def _generated(
    request: ObjectRequest,
    scene: Scene,
    start: Any,
    num_masks: int,
    pick: int | None,
    pipeline: SmartMaskPipeline,
    callback: Progress | None,
) -> Laid:
    output = pipeline(
        scene,
        request.prompt,
        context_prompt=request.context,
        guidance=request.guidance,
        num_masks=num_masks,
        generator=start,
        callback_on_step_end=callback,
        order=request.order,
    )
    if pick is None:
        pick = next((i for i in range(num_masks) if output.seen[i].any()), 0)
    window, order = output.windows[pick], int(output.orders[pick])
    _check_seen(request, window, scene, order)
    seed, score = int(output.seeds[pick]), float(output.scores[pick])
    return Laid(request, window, order, seed, score, output, pick)


def _check_seen(request: ObjectRequest, mask: MaskWindow, scene: Scene, order: int) -> None:
    if not mask.without(scene.fronts(order)).any():
        raise HiddenError(
            f"Nothing of '{request.prompt}' would be seen at order {order}: what stands in front hides it all; "
            f"give an order up to {len(scene.layers)} (the front), or another place."
        )
