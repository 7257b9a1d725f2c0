"""A stand-in for SmartMaskPipeline that needs neither torch nor weights: ellipses of random size.

For tests of what happens around the model: parsing, result folders, exit codes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from smartmask import Scene
from smartmask import guides as guidance
from smartmask.geometry import MaskWindow
from smartmask.masks.model import MaskOutput


@dataclass
class FakePipeline:
    """Records the calls; ``error`` is raised instead of an answer."""

    error: Exception | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)
    loaded: dict[str, Any] = field(default_factory=dict)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
        """Become what ``from smartmask.masks.pipeline import SmartMaskPipeline`` gives."""
        module = ModuleType("smartmask.masks.pipeline")
        module.SmartMaskPipeline = self  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "smartmask.masks.pipeline", module)
        return self

    def from_pretrained(self, folder: Path | None = None, **options: Any) -> FakePipeline:
        self.loaded = options
        return self

    def __call__(self, scene: Scene, prompt: str, num_masks: int = 8, generator: int = 0, **options: Any) -> Any:
        self.calls.append({"scene": scene, "prompt": prompt, "num_masks": num_masks, "seed": generator, **options})
        if self.error is not None:
            raise self.error
        height, width = scene.height, scene.width
        guides = guidance.as_guides(options.get("guidance"), height, width)
        x0, y0, x1, y1 = guidance.extent(guides, height, width) or (0, 0, width, height)
        rows, columns = np.mgrid[:height, :width] + 0.5
        masks = []
        for seed in range(generator, generator + num_masks):
            scale = np.random.default_rng(seed).uniform(0.5, 1.0)
            dx, dy = (columns - (x0 + x1) / 2) / (x1 - x0), (rows - (y0 + y1) / 2) / (y1 - y0)
            masks.append(dx**2 + dy**2 <= (scale / 2) ** 2)
        if options.get("callback_on_step_end"):
            options["callback_on_step_end"](1, 1)
        amodal = np.array(masks)
        order = len(scene.layers) if options.get("order") is None else options["order"]
        return MaskOutput(
            windows=[MaskWindow.of(mask) for mask in amodal],
            seen=[MaskWindow.of(mask) for mask in amodal & ~scene.covered(order)],
            scores=np.linspace(0.9, 0.1, num_masks),
            orders=[order] * num_masks,
            seeds=list(range(generator, generator + num_masks)),
            boxes=[(x0, y0, x1, y1)] * num_masks,
            why=[{"outline": {"name": prompt}, "scene": 0.0}] * num_masks,
            timings={"shape": 0.01},
            notes=["unknown word 'blorb', treated as 'object'"] if prompt == "blorb" else [],
        )
