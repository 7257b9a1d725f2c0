"""Puts the two drawn scenes where the studio's page offers them: ``for_page.py FOLDER``."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from smartmask import Scene
from smartmask.scene.scene_file import save_scene

HERE = Path(__file__).resolve().parent
NAMES = ("room", "street")


def scene_of(name: str) -> Scene:
    """The layers of an example."""
    names = json.loads((HERE / f"{name}_names.json").read_text(encoding="utf-8"))
    layout = np.array(Image.open(HERE / f"{name}_layout.png"))
    return Scene.from_label_map(layout, {int(number): called for number, called in names.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        shutil.copyfile(HERE / f"{name}.png", folder / f"{name}.png")
        save_scene(scene_of(name), folder / f"{name}.json")


if __name__ == "__main__":
    main()
