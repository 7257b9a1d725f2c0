"""Draw the example scenes: for each a picture, its label map and the label map's names.

    python examples/draw_scenes.py [FOLDER]

The drawings are made from numbers alone, so every run gives the same files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import room
import street
from PIL import Image


def main(folder: Path) -> None:
    scenes = (("street", street.draw_street, street.NAMES), ("room", room.draw_room, room.NAMES))
    for name, draw, names in scenes:
        picture, labels = draw()
        Image.fromarray(picture).save(folder / f"{name}.png", optimize=True)
        Image.fromarray(labels).save(folder / f"{name}_layout.png", optimize=True)
        (folder / f"{name}_names.json").write_text(json.dumps(names, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
