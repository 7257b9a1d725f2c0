"""Photographs for the tables, and a list of models whose painters are made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from photographs import write_coco


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ball and a bus in each of four test photographs, but that one has no bus."""
    root = write_coco(tmp_path_factory.mktemp("data"), test=4, train=4)
    content = json.loads((root / "instances.json").read_text())
    from smartmask.data.splits import split_of

    lone = next(image["id"] for image in content["images"] if split_of(str(image["id"])) == "test")
    content["annotations"] = [a for a in content["annotations"] if (a["image_id"], a["category_id"]) != (lone, 2)]
    (root / "instances.json").write_text(json.dumps(content))
    return root
