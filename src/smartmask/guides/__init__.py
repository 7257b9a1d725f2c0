"""Guides: what a user says about place and extent comes in, numbers and maps of it in [0, 1] go out.

A guide knows nothing of the layers of a scene and never chooses a mask. A new one is a file, and a line in table.py.
"""

from smartmask.guides.blob import Blob
from smartmask.guides.box import Box
from smartmask.guides.guide import Guidance, Guide, Promise, draw, extent, sample
from smartmask.guides.mask import MaskGuide
from smartmask.guides.point import Point
from smartmask.guides.polygon import Polygon
from smartmask.guides.scribble import Scribble
from smartmask.guides.table import GUIDES, KINDS, as_guides, guide_from_json

__all__ = [
    "GUIDES",
    "KINDS",
    "Blob",
    "Box",
    "Guidance",
    "Guide",
    "MaskGuide",
    "Point",
    "Polygon",
    "Promise",
    "Scribble",
    "as_guides",
    "draw",
    "extent",
    "guide_from_json",
    "sample",
]
