"""What each part of SmartMask as published is worth: arms trained alike but for one thing, asked about like objects.

The command is ``smartmask train latent-ablation``. It goes on where it was stopped: an arm's training at its
checkpoint, and an arm that was asked keeps its rows beside its weights, with their checksum.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.targets import SIZES, Case, Protocol, Sample, Target, draw_sample
from smartmask.evaluate.baselines import BASELINES
from smartmask.evaluate.memories import train_bank
from smartmask.evaluate.protocol import ReportSettings, cases
from smartmask.evaluate.report import RANKS, finish, interval_text, measured, page, signed_text, split_by, table
from smartmask.evaluate.systems import PipelineSystem, load_pipeline
from smartmask.evaluate.tasks.masks.report import figures, paired
from smartmask.evaluate.tasks.masks.rows import Row
from smartmask.evaluate.tasks.masks.rows import run as ask_all
from smartmask.io.bars import watched
from smartmask.io.publish import save_json
from smartmask.io.reading import file_sum, read_json
from smartmask.train.settings import LatentAblationSettings
from smartmask.train.tasks.latent_ablation import WHOLE, arms, train_arms

BESIDE = ("box-fill", "cover")
NO_CONTEXT = f"{WHOLE}, asked without context"
ROWS = "rows.json"
ABOUT = (
    "Arms of one training each: the same steps, batches and seeds, one thing changed. IoU with the real object in its "
    "own box; first: the model's first choice. All are asked with and without a guide, also where they were trained "
    "otherwise. Development objects; captions are told, where there are some, since the paper's context is one; all "
    "else by the rules of 'eval masks'."
)


def run(settings: LatentAblationSettings) -> dict[str, Any]:
    """Trains every arm, asks each about the same development objects, and writes the folder ``report``.

    Returns the report; nothing on other processes than the first, which only train.
    """
    arms(settings)  # what is wrong with the names, before hours of training
    kinds = tuple(part.strip() for part in settings.guidance.split(","))
    pack = Pack(settings.data)
    protocol = Protocol(
        split="dev", limit=settings.objects, num_masks=settings.num_masks, guidance=kinds, seed=settings.seed
    )
    sample = draw_sample(pack, protocol)
    judged: dict[str, list[Row]] = {}
    for name, folder in train_arms(settings):
        if os.environ.get("RANK", "0") == "0":
            judged |= _asked(name, folder, pack, sample, protocol, settings)
    if not judged:
        return {}
    bank = train_bank(pack, protocol)
    beside = {name: BASELINES[name](bank) for name in BESIDE}
    judged |= split_by(ask_all(cases(pack, sample.targets, protocol), beside, protocol), lambda row: row.system)
    about = {"preset": settings.preset, "trained": settings.model_dump(mode="json", exclude={"out", "data", "text"})}
    report = {**measured("latent-ablation", "dev", about), "objects": len(sample.targets), **compared(judged, kinds)}
    finish("ablation", report, to_markdown(report), ReportSettings(out=settings.out / "report"))
    return report


def _asked(
    name: str, folder: Path, pack: Pack, sample: Sample, protocol: Protocol, settings: LatentAblationSettings
) -> dict[str, list[Row]]:
    """``{system: rows}`` of an arm: kept ones, if they are of these weights and rules."""
    weights = file_sum(folder / "unet" / "diffusion_pytorch_model.safetensors")
    rules = {"weights": weights, "steps": settings.sampler_steps, **asdict(protocol)}
    rules = {key: list(value) if isinstance(value, tuple) else value for key, value in rules.items()}
    path = folder.parent / ROWS
    kept = read_json(path, "rows") if path.is_file() else {}
    if kept.get("rules") != rules:
        systems = _systems(name, folder, settings)
        questions = watched(name, told(cases(pack, sample.targets, protocol), pack), _count(sample, protocol))
        rows = ask_all(questions, systems, protocol)
        kept = {"rules": rules, "rows": [row_to_json(row) for row in rows]}
        save_json(kept, path)
    return split_by([row_of_json(row) for row in kept["rows"]], lambda row: row.system)


def _systems(name: str, folder: Path, settings: LatentAblationSettings) -> dict[str, PipelineSystem]:
    import torch

    pipe = load_pipeline(folder)
    pipe.to("cuda" if torch.cuda.is_available() else "cpu")
    pipe.model.at_once = settings.num_masks  # type: ignore[attr-defined]
    steps = {"num_inference_steps": settings.sampler_steps or None}
    systems = {name: PipelineSystem(pipe, **steps)}
    if name == WHOLE:
        systems[NO_CONTEXT] = PipelineSystem(pipe, context_guidance_scale=0.0, **steps)
    return systems


def _count(sample: Sample, protocol: Protocol) -> int:
    return len(sample.targets) * len(protocol.guidance)


def told(questions: Iterator[Case], pack: Pack) -> Iterator[Case]:
    """The questions with their pictures' captions."""
    for case in questions:
        captions = pack.meta.captions[case.target.record]
        yield replace(case, scene=replace(case.scene, caption=captions[0] if captions else None))


def row_to_json(row: Row) -> dict[str, Any]:
    """All of a row as JSON holds it."""
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(row).items()}


def row_of_json(record: Mapping[str, Any]) -> Row:
    """The row of ``row_to_json``."""
    target = Target(**{**record["target"], "box": tuple(record["target"]["box"])})
    arrays = {name: np.array(record[name], np.float64) for name in ("iou", "own", "boundary", "box_iou")}
    return Row(**{**record, **arrays, "target": target, "flags": tuple(record["flags"])})


# --- the report ------------------------------------------------------------------------------------


def compared(judged: Mapping[str, Sequence[Row]], kinds: Sequence[str]) -> dict[str, Any]:
    """``results: {kind: {system: figures}}``, with differences to WHOLE object by object, and
    ``sizes: {kind: {size: {system: intervals of the own IoU of all masks}}}``."""
    results: dict[str, Any] = {}
    sizes: dict[str, Any] = {}
    for kind in kinds:
        rows = {name: [row for row in some if row.kind == kind] for name, some in judged.items()}
        results[kind] = {name: figures(some, curve=True) for name, some in rows.items()}
        for name, some in rows.items():
            if WHOLE in rows and name != WHOLE:
                results[kind][name]["minus_whole"] = paired(some, rows[WHOLE])
        sizes[kind] = {
            size: {name: figures(part)["own"]["mean"] for name, some in rows.items() if (part := _of(some, size))}
            for _, size in SIZES
        }
    return {"results": results, "sizes": sizes}


def _of(rows: Sequence[Row], size: str) -> list[Row]:
    return [row for row in rows if row.target.size == size]


def to_markdown(report: Mapping[str, Any]) -> list[str]:
    """Tables of each kind of guide: all objects, and by their size."""
    lines: list[str] = []
    for kind, systems in report["results"].items():
        heads = ["arm", *RANKS, "boundary F", "box hit", "minus whole, mean of all"]
        rows = []
        for name, found in systems.items():
            lead = found.get("minus_whole")
            cells = [interval_text(found["own"][rank]) for rank in RANKS]
            cells += [interval_text(found["boundary"]["mean"]), interval_text(found["box"]["hit_mean"])]
            rows.append([name, *cells, signed_text(lead["own"]["mean"]) if lead else "-"])
        lines += [f"## Guidance: {kind}", "", *table(heads, rows), ""]
        present = {size: some for size, some in report["sizes"][kind].items() if some}
        by_size = [[name, *(interval_text(some.get(name)) for some in present.values())] for name in systems]
        lines += [f"### {kind}: mean of all masks, by size of the object", "", *table(["arm", *present], by_size), ""]
    return page(f"Ablation of SmartMask as published, {report['objects']} objects", report, ABOUT, lines)
