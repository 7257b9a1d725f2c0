"""What the bundled model does badly: requests whose first masks are lumps, torn, too large or hard to read.

    python examples/failures.py [--out docs/images/failures.png]

Seeds 0 to 7, the best four by their own score, as in the demo; nothing is picked among seeds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from demo import CAPTIONS, NUM_MASKS, draw_row, load_scene
from PIL import Image

from smartmask import Box, MaskGuide, SmartMaskPipeline
from smartmask.guides import Guide
from smartmask.io.publish import output_file, replacing


def painted_chair() -> MaskGuide:
    """A chair dabbed with a thick brush: back, seat and two legs."""
    painted = np.zeros((384, 512), dtype=bool)
    for x0, y0, x1, y1 in ((36, 180, 62, 290), (36, 266, 118, 294), (36, 290, 54, 350), (100, 290, 118, 350)):
        painted[y0:y1, x0:x1] = True
    return MaskGuide(painted)


# The scene, the object, how its place is told, and the guide.
REQUESTS: tuple[tuple[str, str, str, Guide | None], ...] = (
    ("street", "dog", "in a low box", Box(60, 240, 160, 320)),
    ("street", "giraffe", "in a narrow box", Box(60, 60, 150, 320)),
    ("street", "bicycle", "in a box", Box(90, 220, 230, 320)),
    ("street", "two dogs", "in a low box", Box(60, 240, 200, 320)),
    ("room", "chair", "painted with thin legs", painted_chair()),
    ("room", "cat", "anywhere", None),
)


def save_small(picture: np.ndarray, out: Path) -> None:
    """(H, W, 3) uint8 as a PNG of 256 colours, a fifth as large; thin lines keep their colours."""
    small = Image.fromarray(picture).quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2)
    with replacing(out) as handle:
        small.save(handle, format="PNG", optimize=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Pictures of failures.")
    parser.add_argument("--out", type=Path, default=Path("docs/images/failures.png"), help="the PNG to write")
    out = parser.parse_args().out
    try:
        output_file(out, ".png")
        pipeline = SmartMaskPipeline.from_pretrained()
    except (ValueError, OSError) as error:
        print(f"failures: {error}", file=sys.stderr)
        return 1
    scenes = {name: load_scene(name) for name in CAPTIONS}
    rows = []
    for name, prompt, how, guide in REQUESTS:
        output = pipeline(
            scenes[name],
            prompt,
            context_prompt=CAPTIONS[name],
            guidance=guide,
            num_masks=NUM_MASKS,
            generator=0,
        )
        rows.append(draw_row(scenes[name], output, f"{prompt}, {how}", guide))
    save_small(np.concatenate(rows), out)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
