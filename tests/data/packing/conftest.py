"""Sources to pack: class maps, and two COCOs that share pictures."""

from __future__ import annotations

import pytest
from brushes import coco_folder
from class_maps import class_maps

from smartmask.data.discover import Source


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    """9 COCO pictures, then the same and 6 more, then 20 class maps."""
    root = tmp_path_factory.mktemp("sources")
    first, second = coco_folder(root / "first"), coco_folder(root / "second", 10, 5)
    voc = class_maps(root / "voc", 20)
    return [("coco_instances", first / "coco"), ("coco_instances", second / "coco"), ("voc", voc)]
