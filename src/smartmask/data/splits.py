"""The one split of all data into train, dev and test.

THIS MUST NEVER CHANGE. Weights are resumed again and again; a changed rule would put images they
were trained on into the test set. The tests pin the split of a dozen keys.

The key of a picture is

* its COCO image id as a decimal number without leading zeros ("9", "188819"), wherever the picture
  occurs: COCO instances and panoptic, COCOA, captions, NSR-1K;
* the VOC name ("2007_000032");
* the IDD drive folder ("156") and the CamVid drive ("0001TP"), because neighbouring frames nearly repeat;
* the file name without its extension anywhere else.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from smartmask.io.sentences import short_repr

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")

_COCO_FILE = re.compile(r"^(?:COCO_[a-z]+\d{4}_)?0*(\d+)$")


def split_of(key: str) -> Split:
    """``"train"``, ``"dev"`` or ``"test"``: sha1 of the key modulo 10, 0-1 test, 2 dev, else train."""
    digit = int(hashlib.sha1(key.encode("utf-8")).hexdigest(), 16) % 10
    if digit <= 1:
        return "test"
    return "dev" if digit == 2 else "train"


def in_share(key: str, percent: int) -> bool:
    """Whether a picture belongs to a share of the data, by another hash of its key: a larger share holds a smaller one.

    It says nothing of the split, which is asked beside it.
    """
    return int(hashlib.sha1(f"share of data: {key}".encode()).hexdigest(), 16) % 100 < percent


def coco_key(name: int | str) -> str:
    """The key of a COCO image: from its id (9, "9"), or its file name or URL ("COCO_val2014_000000000009.jpg").

    Raises ValueError for a name that holds no COCO id.
    """
    stem = str(name).rsplit("/", 1)[-1].split(".", 1)[0]
    found = _COCO_FILE.match(stem)
    if found is None:
        raise ValueError(f"{short_repr(name)} holds no COCO image id; names such as COCO_val2014_000000000009.jpg do.")
    return str(int(found.group(1)))
