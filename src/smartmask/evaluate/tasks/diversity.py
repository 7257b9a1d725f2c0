"""How many different answers a scene gets: suggestions without a guide, clustered by place and by scale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.evaluate.protocol import WEIGHTS, Benchmark, ReportSettings
from smartmask.evaluate.report import heading, show
from smartmask.export.overlays import overlay
from smartmask.export.pictures import scene_colours
from smartmask.geometry import mask_box
from smartmask.image.files import save_png
from smartmask.image.sheets import contact_sheet, rank_colour
from smartmask.io.checks import check_num_masks, check_prompt
from smartmask.io.publish import save_json, staging
from smartmask.io.settings import argument, option, required
from smartmask.metrics.clusters import Clusters, box_of, cluster_masks, effective
from smartmask.scene import Scene
from smartmask.scene.read import SceneFiles

if TYPE_CHECKING:
    from smartmask.masks.model import MaskOutput


class DiversitySettings(ReportSettings, SceneFiles):
    """One object in one scene, without a guide."""

    image: Path = argument("The photo.", metavar="IMAGE")
    prompt: str = required("What to insert, such as 'dog'.", flags=("--object",), metavar="TEXT")
    context: str | None = option(None, "A sentence about the whole picture.", metavar="TEXT")
    num_masks: int = option(64, "Suggestions to cluster.", flags=("--num-masks", "-n"))
    seed: int = option(0, "Seed of the first suggestion.")
    weights: Path | None = WEIGHTS


def cluster_report(output: MaskOutput, clusters: Clusters) -> dict[str, Any]:
    """Counts of groups, their effective number, and a record a group of equal place and scale.

    The effective number is 1 if all suggestions agree, the number of groups if they are spread evenly.
    """
    records = []
    for group in range(int(clusters.both.max()) + 1):
        members = np.flatnonzero(clusters.both == group)
        best = int(members[0])  # outputs are sorted by plausibility
        records.append(
            {
                "share": len(members) / len(clusters.both),
                "place": int(clusters.places[best]),
                "scale": int(clusters.scales[best]),
                "box_of_best": mask_box(output.masks[best]),
                "score_of_best": float(output.scores[best]),
                "seeds": [int(output.seeds[i]) for i in members],
            }
        )
    return {
        "suggestions": len(clusters.both),
        "places": int(clusters.places.max()) + 1,
        "scales": int(clusters.scales.max()) + 1,
        "places_and_scales": len(records),
        "effective_places": effective(clusters.places),
        "effective_scales": effective(clusters.scales),
        "groups": records,
    }


def cluster_sheet(scene: Scene, output: MaskOutput, clusters: Clusters, most: int = 15) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB page: all suggestions' feet, then the best of each group, largest group first."""
    picture = scene_colours(scene) if scene.photo is None else scene.photo
    tiles, captions = [_feet(picture, output, clusters)], [f"{len(clusters.both)} suggestions\nfeet by place"]
    for group in range(min(int(clusters.both.max()) + 1, most - 1)):
        members = np.flatnonzero(clusters.both == group)
        best = int(members[0])
        place = int(clusters.places[best])
        tiles.append(overlay(picture, output.masks[best], output.visible[best], (), rank_colour(place)))
        captions.append(f"place {place}, scale {clusters.scales[best]}\n{len(members)} of {len(clusters.both)}")
    return contact_sheet(tiles, captions, columns=5, tile=256)


def _feet(picture: np.ndarray, output: MaskOutput, clusters: Clusters) -> np.ndarray:
    height, width = picture.shape[:2]
    drawn = (picture.astype(np.float32) * 0.6).astype(np.uint8)
    radius = max(round(0.012 * max(height, width)), 1)
    rows, columns = np.mgrid[:height, :width] + 0.5
    for mask, place in zip(output.masks, clusters.places, strict=True):
        x0, _, x1, y1 = box_of(mask)
        drawn[(columns - (x0 + x1) / 2) ** 2 + (rows - y1) ** 2 <= radius**2] = rank_colour(int(place))
    return drawn


def run(settings: DiversitySettings) -> None:
    """How different the suggestions without a guide are: distinct places and scales of one object in one scene."""
    prompt = settings.prompt
    check_prompt(prompt)
    check_num_masks(settings.num_masks)
    scene, _ = settings.read(settings.image)
    from smartmask.masks.pipeline import SmartMaskPipeline

    pipe = SmartMaskPipeline.from_pretrained(settings.weights)
    output = pipe(scene, prompt, settings.context, num_masks=settings.num_masks, generator=settings.seed)
    clusters = cluster_masks(output.masks)
    report: dict[str, Any] = {**heading("diversity"), "object": prompt, **cluster_report(output, clusters)}
    if settings.out is not None:
        with staging(settings.out) as folder:
            save_png(cluster_sheet(scene, output, clusters), folder / "clusters.png")
            save_json(report, folder / "diversity.json")
    line = (
        f"{report['suggestions']} suggestions: {report['places']} places (effectively "
        f"{report['effective_places']:.1f}), {report['scales']} scales (effectively {report['effective_scales']:.1f}), "
        f"{report['places_and_scales']} combinations"
    )
    show(report, [line], settings)


BENCHMARK = Benchmark("diversity", DiversitySettings, run)
