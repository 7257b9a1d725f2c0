"""The ablation of SmartBrush's parts: the same training with one part left out at a time, on the same budget.

What it measures, on held-out photographs, each crop painted from its own seed:

* ``mask_iou_box``: IoU of the object that is predicted inside a box mask; ``mask_iou_exact``: at the exact mask;
* ``background_kept``: share of the box's background pixels (box minus object) that stay as they were, since the
  result is pasted where the object is predicted;
* ``background_change``: mean change of those pixels, in grey levels of 255, pasted alike;
* ``object_error``: mean difference from the real object's pixels, painted in the exact mask, in grey levels.
  It rewards likeness to one photograph, not realism; a Frechet distance needs more photographs than there are.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smartmask.image.files import save_png
from smartmask.insertion.smartbrush.network import Parts
from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline
from smartmask.io.publish import save_json
from smartmask.train.settings import AblationSettings, InpaintSettings
from smartmask.train.tasks.inpaint import SAVED, train_inpaint
from smartmask.train.tasks.inpaint_data import SOURCES, describe, find_objects, photo_sources
from smartmask.train.tasks.inpaint_sheet import DevCrops, mask_ious, paint_crops, sheet_picture

LABEL = "A small network trained briefly on few photographs: it compares the parts, and says nothing of the paper's."
BATCH = 20  # crops painted at once


def variants() -> dict[str, Parts]:
    """``{name: parts}``: all of them, then each left out."""
    left_out = {f"without {part}": replace(Parts(), **{part: False}) for part in asdict(Parts())}
    return {"whole": Parts(), **left_out}


def run_ablation(settings: AblationSettings) -> dict[str, Any]:
    """Trains every variant in a folder of its own under ``out`` and writes ``ablation.json`` and a sheet each.

    An interrupted ablation goes on where it was: a finished variant's folder is used as it is.
    """
    sources = photo_sources(settings.data, settings.source_names or SOURCES)
    common = settings.model_dump(exclude={"objects"})
    common |= {"save_every": max(settings.steps // 2, 1), "sample_every": settings.steps + 1}
    dev = find_objects(sources, "dev")
    rows: dict[str, Any] = {}
    for name, parts in variants().items():
        folder = settings.out / name.replace(" ", "_")
        if not (folder / SAVED / "model_index.json").is_file():
            left_out = tuple(part for part, kept in asdict(parts).items() if not kept)
            train_inpaint(InpaintSettings(**{**common, "out": folder, "without": left_out}))
        pipeline = SmartBrushPipeline.from_pretrained(folder / SAVED)
        crops = DevCrops(dev, pipeline.settings.side, settings.objects)
        rows[name] = {key: round(value, 4) for key, value in measure(pipeline, crops, folder / "dev.png").items()}
    report = {
        "note": LABEL,
        "train": describe(find_objects(sources, "train")),
        "dev_objects": min(settings.objects, len(dev)),
        "settings": settings.model_dump(include={"preset", "steps", "batch", "seed"}),
        "variants": rows,
    }
    save_json(report, settings.out / "ablation.json")
    return report


def measure(pipeline: SmartBrushPipeline, crops: DevCrops, sheet: Path | None = None) -> dict[str, float]:
    """The figures above for one pipeline; ``sheet``: a PNG of the first crops."""
    fine, exact_guess = _painted(pipeline, crops, 0.0)
    loose, box_guess = _painted(pipeline, crops, 1.0)
    if sheet is not None:
        first = crops.first(8)
        save_png(sheet_picture(first, fine[:8], loose[:8], box_guess[:8]), sheet)
    exact, box = crops.exact.numpy(), crops.coarse(1.0).numpy()
    real = crops.pictures.numpy().astype(np.float32)
    # without the mask head the whole box is pasted, as a plain inpainter's is
    pasted = box_guess.numpy() > 0.5 if pipeline.settings.parts.mask_prediction else box
    background = box & ~exact
    changed = np.where(pasted, np.abs(loose.numpy() - real), 0).mean(1, keepdims=True)
    error = np.abs(fine.numpy() - real).mean(1, keepdims=True)
    return {
        "mask_iou_box": float(mask_ious(pasted, exact).mean()),
        "mask_iou_exact": float(mask_ious(exact_guess.numpy() > 0.5, exact).mean()),
        "box_iou": float(mask_ious(box, exact).mean()),
        "background_kept": float(1 - pasted[background].mean()) if background.any() else 1.0,
        "background_change": float(changed[background].mean()) if background.any() else 0.0,
        "object_error": float(error[exact].mean()),
    }


def _painted(pipeline: SmartBrushPipeline, crops: DevCrops, precision: float) -> tuple[torch.Tensor, torch.Tensor]:
    parts = [paint_crops(pipeline, part, precision) for part in crops.chunks(BATCH)]
    return torch.cat([pictures for pictures, _ in parts]), torch.cat([probable for _, probable in parts])
