"""Masks for four objects in the two drawn scenes, each asked for in another way.

    python examples/demo.py [--out demo]

Writes, for each scene, one sheet with a row of the best masks an object, and all masks as PNGs.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from smartmask import Box, Point, Scene, Scribble, SmartMaskPipeline
from smartmask.export.overlays import overlay
from smartmask.guides import Guide
from smartmask.image.files import save_png
from smartmask.image.sheets import rank_colour
from smartmask.io.publish import output_folder
from smartmask.scene.read import read_scene

HERE = Path(__file__).parent
NUM_MASKS = 8
SHOWN = 4  # of them, the best by their own score
TILE = 320  # pixels, the width of one mask's picture on a sheet
CAPTIONS = {"street": "a quiet shopping street on a sunny day", "room": "a bright living room"}


# A chair as one would scribble it: back and seat, and two legs.
CHAIR = Scribble([[(44, 195), (54, 275), (108, 280)], [(54, 275), (46, 340)], [(108, 280), (114, 340)]], width=12)

# The scene, the object and what the user says about its place; None leaves the place to the model.
REQUESTS: tuple[tuple[str, str, str, Guide | None], ...] = (
    ("street", "horse", "inside a box", Box(70, 195, 240, 330)),
    ("street", "person", "anywhere", None),
    ("room", "cat", "at a point", Point(160, 300)),
    ("room", "chair", "along a scribble", CHAIR),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Masks for four objects in two drawn scenes.")
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for the pictures")
    out = parser.parse_args().out
    start = time.perf_counter()
    try:
        output_folder(out)
        pipeline = SmartMaskPipeline.from_pretrained()
    except (ValueError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    scenes = {name: load_scene(name) for name in CAPTIONS}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in CAPTIONS}
    for name, prompt, how, guide in REQUESTS:
        moment = time.perf_counter()
        output = pipeline(
            scenes[name],
            prompt,
            context_prompt=CAPTIONS[name],
            guidance=guide,
            num_masks=NUM_MASKS,
            generator=0,
        )
        print(f"{prompt} in the {name}, {how}: {NUM_MASKS} masks in {time.perf_counter() - moment:.1f} s")
        for note in output.notes:
            print(f"  note: {note}")
        rows[name].append(draw_row(scenes[name], output, f"{prompt}, {how}", guide))
        folder = output_folder(out / f"{name}_{prompt}")
        for index, mask in enumerate(output.masks):
            save_png(mask, folder / f"mask_{index:02d}.png")
    for name, drawn in rows.items():
        save_png(np.concatenate(drawn), out / f"{name}.png")
    print(f"Pictures: {out / 'street.png'} and {out / 'room.png'} (after {time.perf_counter() - start:.1f} s).")
    return 0


def load_scene(name: str) -> Scene:
    """The drawn scene with its picture as the photo."""
    scene, _ = read_scene(HERE / f"{name}.png", layout=HERE / f"{name}_layout.png", names=HERE / f"{name}_names.json")
    return scene


def draw_row(scene: Scene, output: Any, title: str, guide: Guide | None) -> np.ndarray:
    """(H, W, 3) uint8: a line of text, and below it the masks side by side over the scene's picture, best first."""
    assert scene.photo is not None
    guides = [] if guide is None else [guide]
    tiles = [
        overlay(scene.photo, mask, visible, guides, rank_colour(index), side=TILE)
        for index, (mask, visible) in enumerate(zip(output.masks[:SHOWN], output.visible[:SHOWN], strict=True))
    ]
    height, gap = tiles[0].shape[0], 6
    row = Image.new("RGB", (len(tiles) * (TILE + gap) + gap, height + 26), "white")
    scores = ", ".join(f"{score:.2f}" for score in output.scores[:SHOWN])
    ImageDraw.Draw(row).text((gap, 5), f"{title}; scores {scores}", "black", ImageFont.load_default(14))
    for index, tile in enumerate(tiles):
        row.paste(Image.fromarray(tile), (gap + index * (TILE + gap), 26))
    return np.asarray(row)


if __name__ == "__main__":
    sys.exit(main())
