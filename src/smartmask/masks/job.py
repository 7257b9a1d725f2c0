"""A whole masks call from files to files: what the command runs, and what a service can run alike."""

from __future__ import annotations

import time
from pathlib import Path

from smartmask.guides.box import Box
from smartmask.guides.parse import GuideTexts
from smartmask.guides.table import as_guides
from smartmask.image.files import load_guide_mask
from smartmask.io.checks import check_order, check_pool
from smartmask.io.publish import files_of, staging
from smartmask.io.settings import argument, option, required
from smartmask.io.watch import Watch, unwatched
from smartmask.masks.draws import Draws
from smartmask.masks.model import MaskOptions
from smartmask.masks.results import MasksResult, save_masks, save_result
from smartmask.masks.weights import Weights
from smartmask.scene.read import SceneFiles


class MasksJob(MaskOptions, SceneFiles, GuideTexts, Draws, Weights):
    """Masks of where and how an object could stand in a photo, from files, into a folder."""

    image: Path = argument("The photo.", metavar="IMAGE")
    out: Path = required("Folder for the masks, overlay.png and result.json.", metavar="DIR")
    not_box: tuple[str, ...] = option((), "Where the object is not; may be repeated.", metavar="x0,y0,x1,y1")
    like: Path | None = option(None, "A mask, white on black, whose variations are wanted.", metavar="PNG")

    def run(self, watch: Watch = unwatched) -> MasksResult:
        """Reads, asks, ranks and writes, all of it or nothing. Raises ValueError for bad input, before torch loads."""
        # 1. everything that can be wrong with the input, cheapest first
        start = time.perf_counter()
        self.checked()
        if self.diverse:
            check_pool(self.num_masks)
        variations = None if self.like is None else load_guide_mask(self.like) > 0.5
        scene, notes = self.read(self.image)
        size = scene.height, scene.width
        guides = self.guides(size)
        not_here = as_guides([Box.parse(text) for text in self.not_box], *size)
        check_order(self.order, len(scene.layers))
        seconds = {"input": time.perf_counter() - start}
        # 2. the model, into a folder that is already known to be writable
        with staging(self.out) as folder:
            moment = time.perf_counter()
            pipeline = self.load()
            seconds["load"] = time.perf_counter() - moment
            with watch("masks") as on_step:
                output = pipeline(
                    scene, self.object, context_prompt=self.context, guidance=list(guides) or None,
                    num_masks=self.num_masks, num_inference_steps=self.steps, guidance_scale=self.guidance_scale,
                    context_guidance_scale=self.context_guidance_scale, generator=self.seed,
                    callback_on_step_end=on_step, not_here=list(not_here) or None, order=self.order,
                    facing=self.facing, like=variations, like_distance=self.like_distance, diverse=self.diverse,
                )  # fmt: skip
            # 3. the result
            moment = time.perf_counter()
            save_masks(output, scene, guides, folder)
            seconds |= {"write": time.perf_counter() - moment, "total": time.perf_counter() - start}
            asked = self.model_dump(mode="json", include=ASKED) | {"not_here": [guide.describe() for guide in not_here]}
            result = MasksResult.of_output(output, scene, guides, asked, notes, seconds, files_of(folder))
            save_result(result.model_dump(), folder)
        return result


# what of the request result.json repeats
ASKED = {
    "image", "object", "context", "num_masks", "diverse", "seed", "steps", "guidance_scale", "context_guidance_scale",
    "facing", "like", "like_distance", "order", "weights", "licences", "memory",
}  # fmt: skip
