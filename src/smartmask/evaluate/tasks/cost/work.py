"""Which work each training and each table is: numbers of passes through the networks of ``counted.py``."""

from __future__ import annotations

from dataclasses import dataclass

from smartmask.train.config import read_config
from smartmask.train.settings import InpaintSettings, LatentTrainSettings, VisionSettings

PROCESSES = 8  # for which the shipped configs are written: a step has so many batches
# Steps of sampling and branches of guidance, by the pipelines' own defaults.
STEPS, BRANCHES = 50, 2  # diffusers' inpainting pipelines, with a guidance weight
EDIT_STEPS, EDIT_BRANCHES = 100, 3  # diffusers' InstructPix2Pix
MASK_STEPS, MASK_BRANCHES = 25, 3  # SmartMask's presets: v(0,0), v(0,c), v(o,c)
BRUSH_STEPS = 30  # SmartBrush from Stable Diffusion
LAYOUT_OBJECTS = 5  # things placed in one layout, our choice
VARIANTS = 5  # SmartBrush's parts, each left out once


@dataclass(frozen=True)
class Training:
    """samples: in all. passes: of one sample. feed: the stream of ``data speed`` that makes them; empty for none."""

    name: str
    samples: int
    passes: dict[str, float]
    feed: str = ""

    def work(self, counted: dict[str, float]) -> float:
        """Operations of all samples."""
        return self.samples * amount(self.passes, counted)


@dataclass(frozen=True)
class Table:
    """passes: of one object or layout, over all methods. trainings: {name: times} of models that it needs trained."""

    name: str
    passes: dict[str, float]
    trainings: dict[str, int]


def amount(passes: dict[str, float], counted: dict[str, float]) -> float:
    """Operations of so many passes each."""
    return sum(times * counted[name] for name, times in passes.items())


def trainings() -> dict[str, Training]:
    """Of the shipped configs, and of the same samples by LoRA."""
    two: dict[str, float] = {"encode": 2, "text": 2}  # layout and target
    one: dict[str, float] = {"encode": 1, "text": 1}  # the photograph
    planned: dict[str, float] = {"planner train": 1}
    found = {}
    for name, config, settings, passes, feed in (
        ("SmartMask", "smartmask_sd15", LatentTrainSettings, {"latent train": 1, **two}, "latent"),
        ("SmartMask, LoRA", "smartmask_sd15", LatentTrainSettings, {"latent lora": 1, **two}, "latent"),
        ("SmartBrush", "smartbrush_sd12", InpaintSettings, {"brush train": 1, **one}, "inpaint"),
        ("SmartBrush, LoRA", "smartbrush_sd12", InpaintSettings, {"brush lora": 1, **one}, "inpaint"),
        ("planner", "planner_lora", VisionSettings, planned, ""),
    ):  # fmt: skip
        values = read_config(config, settings)
        samples = int(values["steps"]) * int(values["batch"]) * PROCESSES
        found[name] = Training(name, samples, passes, feed)
    return found


def _painted(network: str, steps: int, branches: int, **more: float) -> dict[str, float]:
    """A picture of 512 px: texts, the photograph and what is masked of it encoded, steps, decoded."""
    return {"text": branches, "encode": 2, network: steps * branches, "decode": 1, **more}


def _sum(*parts: dict[str, float]) -> dict[str, float]:
    return {name: sum(part.get(name, 0) for part in parts) for name in {name for part in parts for name in part}}


def _times(passes: dict[str, float], number: float) -> dict[str, float]:
    return {name: number * times for name, times in passes.items()}


SD = _painted("sd", STEPS, BRANCHES)
BRUSH = _painted("brush", BRUSH_STEPS, BRANCHES)
MASK: dict[str, float] = {"text": 2, "encode": 1, "latent": MASK_STEPS * MASK_BRANCHES, "decode": 1}
SDXL: dict[str, float] = {"encode": 8, "sdxl": STEPS * BRANCHES, "decode 1024": 1}  # four times the pixels to encode
JUDGED: dict[str, float] = {"clip": 1}


def tables(num_masks: int) -> list[Table]:
    """What ``eval paper`` and the ablations make. num_masks: an object, where masks are judged."""
    edited = _painted("sd", EDIT_STEPS, EDIT_BRANCHES)
    drawn = _painted("sd", STEPS, BRANCHES, control=STEPS * BRANCHES)
    layout = _sum({"planner": 1}, MASK)
    four = _sum(SD, SDXL, SD, BRUSH)  # SD and SDXL Inpaint, Blended Latent Diffusion, SmartBrush
    both = {"SmartMask": 1, "SmartBrush": 1}
    return [
        Table("SmartMask, Table 1", _sum(four, MASK, BRUSH, _times(JUDGED, 5)), both),
        Table("SmartMask, masks", _sum(_times(MASK, num_masks), SD, BRUSH, {"sam": 1}), both),
        Table("SmartMask, mask-free editors", _sum(edited, {"planner": 1}, MASK, BRUSH, _times(JUDGED, 2)),
              {**both, "planner": 1}),
        Table("SmartMask, layouts", _sum(_times(layout, LAYOUT_OBJECTS), _times(drawn, 2)),
              {"SmartMask": 1, "planner": 1}),
        Table("SmartBrush, exact and box masks", _sum(_times(four, 2), _times(JUDGED, 8)), {"SmartBrush": 1}),
        Table("SmartBrush, precision of nine rungs", _times(BRUSH, 9), {"SmartBrush": 1}),
        Table("SmartBrush, ablation", _times(_sum(BRUSH, JUDGED), VARIANTS + 1), {"SmartBrush": VARIANTS + 1}),
        Table("SmartMask, data 10, 30, 100 %", _times(MASK, 3 * num_masks), {"SmartMask": 3}),
    ]  # fmt: skip
