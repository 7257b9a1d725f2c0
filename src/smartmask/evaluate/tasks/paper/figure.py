"""The papers' qualitative figure from the models of a run: photograph and box, layout, masks, and insertions."""

from __future__ import annotations

from smartmask.evaluate.report import table
from smartmask.evaluate.tasks.insertion.makers import BOX, whole_box
from smartmask.evaluate.tasks.insertion.rows import local_crop
from smartmask.evaluate.tasks.paper.cells import tasks_of
from smartmask.evaluate.tasks.paper.run import Run, Table
from smartmask.export.overlays import overlay
from smartmask.export.pictures import scene_colours
from smartmask.guides import Box
from smartmask.image.sheets import contact_sheet, rank_colour

TILE = 192
NOTE = "Chosen by hash, not by eye: the first objects of the run. Crops are those that the inserters work on."


def figure(run: Run) -> Table:
    """A grid, a row an object: photograph, layout, the mask of each model, the box and those masks painted."""
    tasks = list(tasks_of(run.found[: run.shown], run.protocol, "figure"))
    layouts = [scene_colours(task.scene) for task in tasks]
    boxes = [[Box(*task.box)] for task in tasks]
    tiles = [[overlay(task.photo, guides=box, side=TILE) for task, box in zip(tasks, boxes, strict=True)]]
    tiles.append([overlay(layout, guides=box, side=TILE) for layout, box in zip(layouts, boxes, strict=True)])
    said = ["the box", "layout shown\nto mask models"]
    masks = {maker.name: [maker(task, {}).mask for task in tasks] for maker in run.mask_makers}
    for number, (name, made) in enumerate(masks.items()):
        pairs = zip(layouts, made, strict=True)
        tiles.append([overlay(layout, mask, colour=rank_colour(number), side=TILE) for layout, mask in pairs])
        said.append(f"{name}\nmask")
    for inserter in run.roster.of("inserters"):
        painter = run.painter(inserter)
        tiles.append([local_crop(painter(task, whole_box(task), BOX), task) for task in tasks])
        said.append(f"{run.named(inserter)}\nin the box")
        for name, made in masks.items():
            tiles.append([local_crop(painter(task, mask, 0.0), task) for task, mask in zip(tasks, made, strict=True)])
            said.append(f"{run.named(inserter)}\nin the mask of {name}")
        run.release(inserter)
    rows = [tile for row in zip(*tiles, strict=True) for tile in row]
    names = [f"{task.name}, {task.target.source}" for task in tasks]
    captions = [text for name in names for text in (name.replace(", ", "\n"), *said[1:])]
    page = contact_sheet(rows, captions, columns=len(tiles), tile=TILE)
    return Table(table(["object"], [[name] for name in names]), {"objects": names}, [NOTE], {"figure": page})
