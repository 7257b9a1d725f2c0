"""``smartmask eval gallery`` and ``smartmask eval diversity``: pages of pictures with their counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from smartmask.cli.evaluate.console import DataOption, JsonOption, OutOption, SplitOption, heading, listed, progress
from smartmask.cli.options import (
    ContextOption,
    LayoutOption,
    NamesOption,
    PanopticOption,
    SegmenterOption,
    WeightsOption,
)


def gallery(
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for gallery.png and gallery.json.")],
    scenes: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 12,
    sources: Annotated[str, typer.Option(help="Whose scenes, separated by commas.")] = "coco_panoptic",
    split: SplitOption = "test",
    seed: Annotated[int, typer.Option(help="Of the choice of scenes and objects.")] = 0,
    weights: WeightsOption = None,
) -> None:
    """Unseen scenes with box, scribble and no guide, chosen by seed; the layout is drawn, not the photograph."""
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol
    from smartmask.evaluate.gallery import choose_exhibits, gallery_sheet, make_exhibits
    from smartmask.evaluate.systems import load_pipeline
    from smartmask.image.files import save_png
    from smartmask.io.files import save_json
    from smartmask.io.publish import staging

    protocol = Protocol(split=split, sources=listed(sources), seed=seed, min_area=0.02, num_masks=8)
    pack = Pack(data)
    targets = choose_exhibits(pack, protocol, scenes)
    with staging(out) as folder:
        pipe = load_pipeline(weights)
        with progress("scenes", len(targets)) as advance:
            exhibits = make_exhibits(pack, targets, pipe, protocol, advance)
        save_png(gallery_sheet(exhibits), folder / "gallery.png")
        shown = [{"source": t.source, "key": t.key, "object": t.name, "box": t.box} for t in targets]
        save_json({**heading("gallery"), "split": split, "seed": seed, "scenes": shown}, folder / "gallery.json")
    print(f"{len(targets)} scenes in {out / 'gallery.png'}")


def diversity(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The photo.")],
    prompt: Annotated[str, typer.Option("--object", metavar="TEXT", help="What to insert, such as 'dog'.")],
    layout: LayoutOption = None,
    names: NamesOption = None,
    panoptic: PanopticOption = None,
    segmenter: SegmenterOption = None,
    context: ContextOption = None,
    num_masks: Annotated[int, typer.Option("--num-masks", "-n", help="Suggestions to cluster.")] = 64,
    seed: Annotated[int, typer.Option(help="Seed of the first suggestion.")] = 0,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """How different the suggestions without a guide are: distinct places and scales of one object in one scene."""
    from smartmask.io import checks
    from smartmask.scene.read import read_scene

    checks.check_prompt(prompt)
    checks.check_num_masks(num_masks)
    scene, _ = read_scene(image, layout=layout, names=names, panoptic=panoptic, segmenter=segmenter)
    from smartmask.evaluate.clusters import cluster_masks, cluster_report, cluster_sheet
    from smartmask.masks.pipeline import SmartMaskPipeline

    pipe = SmartMaskPipeline.from_pretrained(weights)
    output = pipe(scene, prompt, context_prompt=context, num_masks=num_masks, generator=seed)
    clusters = cluster_masks(output.masks)
    report: dict[str, Any] = {**heading("diversity"), "object": prompt, **cluster_report(output, clusters)}
    if out is not None:
        from smartmask.image.files import save_png
        from smartmask.io.files import save_json
        from smartmask.io.publish import staging

        with staging(out) as folder:
            save_png(cluster_sheet(scene, output, clusters), folder / "clusters.png")
            save_json(report, folder / "diversity.json")
    if as_json:
        print(json.dumps(report, indent=2))
        return
    print(
        f"{report['suggestions']} suggestions: {report['places']} places (effectively "
        f"{report['effective_places']:.1f}), {report['scales']} scales (effectively {report['effective_scales']:.1f}), "
        f"{report['places_and_scales']} combinations"
    )
