"""What tests of the service share: its address, and pictures as bytes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

ADDRESS = "http://127.0.0.1:8420"


def png(array: np.ndarray) -> bytes:
    """The file of a picture."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()
