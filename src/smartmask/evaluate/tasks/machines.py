"""The same masks on every machine? Requests asked again under other kernels and threads, each in a process of its own.

Libraries choose kernels by the processor; the settings here make them choose others on the same one, which shows what
another maker's or an older processor would change. Which outline a seed gets must not change at all; pixels may, by
the last bits of a sum, at a mask's border.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.targets import choose, find_targets
from smartmask.evaluate.protocol import LIMIT, Benchmark, ObjectSettings, cases, listed
from smartmask.evaluate.report import finish, measured, table
from smartmask.evaluate.systems import load_pipeline
from smartmask.io.bars import watched
from smartmask.io.publish import replacing
from smartmask.io.reading import read_arrays
from smartmask.io.settings import option

# What the libraries behind numpy, OpenCV and torch read when they are loaded.
PLACES: dict[str, dict[str, str]] = {
    "as it is": {},
    "once more": {},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "AVX2 (oneDNN)": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "any x86 (MKL)": {"MKL_CBWR": "COMPATIBLE"},
    "no vector units (torch)": {"ATEN_CPU_CAPABILITY": "default"},
    "no vector units (numpy)": {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX"},
    "SSE2 (OpenBLAS)": {"OPENBLAS_CORETYPE": "Prescott"},
    "AVX2 (OpenBLAS)": {"OPENBLAS_CORETYPE": "Haswell"},
    "AVX-512 (OpenBLAS)": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "SSE4 (OpenCV)": {"OPENCV_CPU_DISABLE": "AVX2,AVX,FP16,FMA3,AVX512-SKX"},
}


class MachinesSettings(ObjectSettings):
    """What is asked again."""

    limit: int = option(40, LIMIT, ge=0)
    guidance: str = option("box,scribble,blob,mask,point,none", "Kinds of guides, separated by commas.")


def answers(settings: MachinesSettings, out: Path) -> None:
    """Asks everything here and writes masks (packed bits), the outline of each, orders and scores to ``out`` (.npz)."""
    protocol = settings.protocol(limit=settings.limit or None, guidance=listed(settings.guidance))
    pack = Pack(settings.data)
    targets = choose(find_targets(pack, protocol), protocol.limit, settings.seed)
    pipeline = load_pipeline(settings.weights, settings.licences)
    masks, outlines, orders, scores, areas = [], [], [], [], []
    for case in cases(pack, targets, protocol):
        found = pipeline(
            case.scene, case.target.name, guidance=case.guide, num_masks=settings.num_masks, generator=settings.seed
        )
        by_seed = np.argsort(found.seeds)  # ranks are compared by their scores
        masks.append(np.packbits(found.masks[by_seed]))
        areas += [int(found.masks[i].sum()) for i in by_seed]
        outlines += ["/".join(map(str, found.why[i]["outline"].values())) for i in by_seed]
        orders += [found.orders[i] for i in by_seed]
        scores += [float(found.scores[i]) for i in by_seed]
    told: dict[str, Any] = {"outlines": outlines, "orders": orders, "scores": scores, "areas": areas}
    with replacing(out) as handle:
        np.savez(handle, masks=np.concatenate(masks), **told)


def compared(first: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, Any]:
    """How another place's answers differ: shares of masks, and pixels per mask."""
    same = first["outlines"] == other["outlines"]
    differing = np.unpackbits(first["masks"] ^ other["masks"]).sum()
    return {
        "same_outline": float(same.mean()),
        "same_order": float((first["orders"] == other["orders"]).mean()),
        "same_bits": bool(differing == 0),
        "pixels": float(differing) / len(same),
        "share_of_area": float(differing) / max(float(first["areas"].sum()), 1.0),
        "score": float(np.abs(first["scores"] - other["scores"]).max(initial=0)),
    }


def ask_in(place: dict[str, str], settings: MachinesSettings, out: Path) -> dict[str, np.ndarray]:
    """The answers of a process of its own in which ``place`` is set. Raises RuntimeError with its last words."""
    code = (
        "import sys, pathlib; from smartmask.evaluate.tasks import machines; "
        "machines.answers(machines.MachinesSettings.model_validate_json(sys.argv[1]), pathlib.Path(sys.argv[2]))"
    )
    plain = {name: value for name, value in os.environ.items() if name not in {n for p in PLACES.values() for n in p}}
    command = [sys.executable, "-c", code, settings.model_dump_json(), str(out)]
    done = subprocess.run(command, env=plain | place, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The answers failed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    return read_arrays(out, "answers")


def run(settings: MachinesSettings) -> None:
    """The same requests under other kernels and threads: are it the same outlines, the same depths, the same bits?"""
    found: dict[str, dict[str, np.ndarray]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, place) in enumerate(watched("places", PLACES.items(), len(PLACES))):
            found[name] = ask_in(place, settings, Path(folder) / f"{number}.npz")
    first = found["as it is"]
    results = {name: compared(first, answer) for name, answer in found.items() if name != "as it is"}
    report = {
        **measured("machines", settings.split, {"weights": str(settings.weights or "bundled")}),
        "masks": len(first["outlines"]), "results": results,
    }  # fmt: skip
    rows = [
        [name, *(f"{100 * r[key]:.2f} %" for key in ("same_outline", "same_order")), "yes" if r["same_bits"] else "no",
         f"{r['pixels']:.2f}", f"{r['share_of_area']:.1e}", f"{r['score']:.1e}"]
        for name, r in results.items()
    ]  # fmt: skip
    heads = ["kernels", "same outline", "same depth", "same bits", "pixels a mask", "of its area", "largest score"]
    lines = [
        f"# The same masks under other kernels: {report['masks']:,} masks",
        "",
        f"`{report['command']}`, smartmask {report['version']}; each row a process of its own, against the first.",
        "",
        *table(heads, rows),
    ]
    finish("machines", report, lines, settings)


BENCHMARK = Benchmark("machines", MachinesSettings, run)
