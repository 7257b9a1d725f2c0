"""Guides: what a user says about place and extent comes in, numbers and maps of it in [0, 1] go out.

A guide knows nothing of the layers of a scene and never chooses a mask.
"""

from smartmask.guides.guides import (
    ALPHA,
    KINDS,
    Blob,
    Box,
    Guidance,
    Guide,
    MaskGuide,
    Point,
    Scribble,
    as_guides,
    draw,
    extent,
    mix,
    sample,
)

__all__ = [
    "ALPHA",
    "KINDS",
    "Blob",
    "Box",
    "Guidance",
    "Guide",
    "MaskGuide",
    "Point",
    "Scribble",
    "as_guides",
    "draw",
    "extent",
    "mix",
    "sample",
]
