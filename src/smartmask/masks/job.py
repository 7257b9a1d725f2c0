"""A whole masks call from files to files: what the command runs, and what a service can run alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.guides import Guide
from smartmask.guides.box import Box
from smartmask.guides.table import as_guides
from smartmask.image.files import frames_noted, load_guide_mask
from smartmask.io.checks import check_order, check_pool, check_seed
from smartmask.io.publish import staging
from smartmask.io.settings import argument, option, required
from smartmask.io.watch import Watch, timed, unwatched
from smartmask.masks.draws import Draws, seed_of_object
from smartmask.masks.model import MaskOptions, MaskOutput
from smartmask.masks.objects import Asked, ObjectTexts
from smartmask.masks.results import MasksResult, MasksWriter
from smartmask.masks.weights import Weights
from smartmask.scene import Scene
from smartmask.scene.read import SceneFiles

if TYPE_CHECKING:
    from smartmask.masks.pipeline import SmartMaskPipeline


class MasksJob(MaskOptions, SceneFiles, ObjectTexts, Draws, Weights):
    """Masks of where and how objects could stand in a photo, from files, into a folder; each object by itself."""

    image: Path = argument("The photo.", metavar="IMAGE")
    out: Path = required("Folder for the masks, overlay.png and result.json.", metavar="DIR")
    not_box: tuple[str, ...] = option((), "Where no object is; may be repeated.", metavar="x0,y0,x1,y1")
    like: Path | None = option(None, "A mask, white on black, whose variations are wanted.", metavar="PNG")

    def run(self, watch: Watch = unwatched) -> MasksResult:
        """Reads, asks, ranks and writes, all of it or nothing. Raises ValueError for bad input, before weights load."""
        # 1. everything that can be wrong with the input, cheapest first
        start = time.perf_counter()
        self.checked()
        drawn = check_pool(self.num_masks) if self.diverse else self.num_masks
        with watch("reading"), frames_noted() as frames:
            variations = None if self.like is None else load_guide_mask(self.like) > 0.5
            scene, notes = self.read(self.image)
            objects = self._objects(scene, drawn)
        size = scene.height, scene.width
        notes = tuple(dict.fromkeys((*frames, *notes)))
        not_here = as_guides([Box.parse(text) for text in self.not_box], *size)
        seconds = {"input": time.perf_counter() - start}
        # 2. the model, into a folder that is already known to be writable; each object is written as it comes
        with staging(self.out) as folder:
            with watch("loading"), timed(seconds, "load"):
                pipeline = self.load()
            writer = MasksWriter(scene, objects, folder)
            for one in objects:
                with watch("masks") as on_step:
                    output = self._suggest(pipeline, scene, one, variations, not_here, on_step)
                with watch("writing"), timed(seconds, "write"):
                    writer.add(output)
            # 3. the result
            with watch("writing"), timed(seconds, "write"):
                writer.overview()
            seconds["total"] = time.perf_counter() - start
            asked = self.told() | {"not_here": [guide.describe() for guide in not_here]}
            return writer.result(asked, self.seed, notes, seconds)

    def told(self) -> dict[str, Any]:
        """What of the request ``result.json`` repeats."""
        return self.model_dump(mode="json", include=ASKED)

    def _objects(self, scene: Scene, drawn: int) -> list[Asked]:
        """The objects, each with its first seed, from which ``drawn`` are counted up."""
        objects = self.asked((scene.height, scene.width), self.context)
        if self.like is not None and len(objects) > 1:
            raise ValueError(f"--like {self.like} is a mask of one object, but there are {len(objects)}; name one.")
        for one in objects:
            check_order(one.order, len(scene.layers))
        objects = [one.seeded(seed_of_object(self.seed, number)) for number, one in enumerate(objects)]
        for one in objects:
            check_seed(one.seed or 0, drawn - 1)
        return objects

    def _suggest(
        self, pipeline: SmartMaskPipeline, scene: Scene, one: Asked, variations: np.ndarray | None,
        not_here: Sequence[Guide], on_step: Any,
    ) -> MaskOutput:  # fmt: skip
        return pipeline(
            scene, one.prompt, context_prompt=one.context, guidance=list(one.guides) or None,
            num_masks=self.num_masks, num_inference_steps=self.steps, guidance_scale=self.guidance_scale,
            context_guidance_scale=self.context_guidance_scale, generator=one.seed,
            callback_on_step_end=on_step, not_here=list(not_here) or None, order=one.order,
            facing=self.facing, like=variations, like_distance=self.like_distance, diverse=self.diverse,
        )  # fmt: skip


# what of the request result.json repeats, beside each object's own
ASKED = {
    "image", "num_masks", "diverse", "steps", "guidance_scale", "context_guidance_scale",
    "facing", "like", "like_distance", "weights", "licences", "memory",
}  # fmt: skip
