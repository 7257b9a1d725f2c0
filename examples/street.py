"""The drawn street: an avenue with a wide, empty pavement on the left and parked cars on the right."""

from __future__ import annotations

import numpy as np
from painting import Camera, Painting, blend, ellipse, leafy, rounded

SIZE = (512, 384)
NAMES = {
    1: "sky",
    2: "mountain",
    3: "tree",
    4: "building",
    5: "building",
    6: "building",
    7: "building",
    8: "building",
    9: "road",
    10: "pavement",
    11: "pavement",
    12: "tree",
    13: "tree",
    14: "tree",
    15: "car",
    16: "car",
    17: "bench",
}
SKY, MOUNTAIN, FAR_TREES, ROAD, LEFT, RIGHT = 1, 2, 3, 9, 10, 11
CAMERA = Camera(focal=430, vanish=(286, 168), height=1.55)
KERB, FAR_KERB, LEFT_WALL, RIGHT_WALL = -0.75, 4.0, -4.0, 6.4  # metres to the right of the camera


def draw_street() -> tuple[np.ndarray, np.ndarray]:
    """``(384, 512, 3) uint8 picture, (384, 512) uint8 labels``; NAMES says what each label is."""
    art = Painting(*SIZE)
    rng = np.random.default_rng(7)
    _sky(art, rng)
    _ground(art)
    _building(art, LEFT_WALL, 18.5, 30, 8.6, "#c9b08f", 6, rng)
    _building(art, LEFT_WALL, 11.5, 18.5, 6.6, "#9fb0b5", 5, rng, awning="#4f8a7b")
    _building(art, LEFT_WALL, 3.0, 11.5, 8.4, "#c98b6b", 4, rng, awning="#b8483f")
    _building(art, RIGHT_WALL, 19, 30, 7.0, "#e6d3ae", 8, rng)
    _building(art, RIGHT_WALL, 9, 19, 9.0, "#d8a47f", 7, rng, awning="#3f6f9c")
    _tree(art, 4.75, 20, 1.5, 12, rng)
    _tree(art, -1.35, 17, 1.3, 13, rng)
    _car(art, 3.05, 15.5, "#d9dde0", 16)
    _tree(art, 4.95, 12.5, 1.5, 14, rng)
    _car(art, 3.05, 8.2, "#b53a36", 15)
    _bench(art)
    return art.finish()


def _sky(art: Painting, rng: np.random.Generator) -> None:
    width, height = SIZE
    art.fill([(0, 0), (width, 0), (width, height), (0, height)], "#4f97d6", "#4f97d6", label=SKY)
    art.fill([(0, 0), (width, 0), (width, 190), (0, 190)], "#5a9fdb", "#f3ead9")
    for cx, cy, size in ((318, 42, 1.25), (232, 74, 0.6), (404, 88, 0.7), (268, 112, 0.5), (356, 118, 0.4)):
        for _ in range(18):
            dx, dy = rng.normal(0, 30 * size), abs(rng.normal(0, 9 * size))
            dx, dy, radius = dx * (0.5 + dy / (12 * size)), -dy * 0.9, rng.uniform(8, 14) * size
            art.fill(ellipse(cx + dx, cy + dy + 3, radius * 1.5, radius * 0.7), "#b9cbdc", alpha=0.16, blur=4)
            art.fill(ellipse(cx + dx, cy + dy, radius * 1.4, radius * 0.6), "#ffffff", alpha=0.34, blur=3)
    ridge = np.linspace(150, 430, 60)
    tops = 150 - 22 * np.exp(-(((ridge - 330) / 50) ** 2)) - 12 * np.exp(-(((ridge - 250) / 34) ** 2))
    art.fill([*zip(ridge, tops, strict=True), (430, 190), (150, 190)], "#8ea9c0", "#c3d0d6", label=MOUNTAIN)
    for x in np.linspace(200, 385, 30):
        art.fill(leafy(x, 170 + rng.uniform(-5, 0), 10, 15, rng), "#6f9468", "#56784f", label=FAR_TREES)


def _ground(art: Painting) -> None:
    width, height = SIZE
    horizon = CAMERA.vanish[1] + 12
    art.fill([(0, horizon), (width, horizon), (width, height), (0, height)], "#9b9a98", "#6f7073", label=ROAD)
    for z in np.arange(3.0, 40, 3.2):  # the dashes between the two lanes
        art.fill(CAMERA.ground(1.57, z, 1.71, z + 1.5), "#e9e6da", alpha=0.9)
    for x, wide in ((0.35, 0.5), (2.6, 0.5)):  # worn wheel tracks
        art.fill(CAMERA.ground(x, 2.5, x + wide, 40), "#58595c", alpha=0.18, blur=2)
    for label, near, far in ((LEFT, KERB, LEFT_WALL - 8), (RIGHT, FAR_KERB, RIGHT_WALL + 8)):
        toward = -1 if far < near else 1
        art.fill(CAMERA.ground(far, 2.4, near, 40, y=0.0), "#cdc6ba", "#b9b1a4", label=label)
        for z in (3.0, 3.6, 4.3, 5.1, 6.0, 7.0, 8.2, 9.6, 11.2, 13, 15.5, 19, 24):
            art.fill(CAMERA.ground(near + toward * 0.2, z, far, z * 1.006), "#968e82", alpha=0.55, inside=label)
        for x in (0.9, 1.7, 2.5):
            art.fill(CAMERA.ground(near + toward * x, 2.4, near + toward * (x + 0.02), 40), "#968e82", alpha=0.55)
        art.fill(CAMERA.ground(near, 2.4, near + toward * 0.2, 40), "#e3ded3", "#d8d2c6", label=label)
        art.fill(CAMERA.ground(near, 2.4, near - toward * 0.07, 40), "#7c776f", label=label)
    art.fill(CAMERA.ground(LEFT_WALL - 0.2, 2.4, LEFT_WALL + 0.8, 40), "#3a3a44", alpha=0.35, blur=4, inside=LEFT)
    art.fill(CAMERA.ground(RIGHT_WALL - 0.6, 6, RIGHT_WALL + 0.2, 40), "#3a3a44", alpha=0.3, blur=3, inside=RIGHT)


def _building(
    art: Painting,
    x: float,
    near: float,
    far: float,
    tall: float,
    colour: str,
    label: int,
    rng: np.random.Generator,
    awning: str | None = None,
) -> None:
    """One house of the row whose wall stands ``x`` metres aside and runs from ``near`` to ``far``."""
    inward = 1 if x < 0 else -1  # from the wall to the middle of the street
    shade = 0.22 if x < 0 else 0.0
    wall = blend(colour, "#3b3f55", shade)
    art.fill(CAMERA.front(x, 0, x - inward * 12, tall, near), blend(wall, "#2d3145", 0.35), wall, label=label)
    art.fill(
        CAMERA.side(x, 0, near, tall, far), blend(wall, "#ffffff", 0.12), blend(wall, "#3b3f55", 0.12), label=label
    )
    for bottom, top, tone in ((tall - 0.35, tall, "#f4efe4"), (2.95, 3.15, "#f4efe4"), (0, 0.35, "#4b4a50")):
        art.fill(CAMERA.side(x, bottom, near, top, far), blend(tone, "#3b3f55", shade), label=label)
    columns = max(int((far - near) / 1.9), 2)
    step = (far - near) / columns
    for column in range(columns):
        z0 = near + (column + 0.24) * step
        z1 = z0 + 0.52 * step
        for floor in range(1, int((tall - 1.2) / 2.6) + 1):
            bottom = 0.95 + floor * 2.6
            if bottom + 1.5 < tall - 0.4:
                _window(art, x, z0, z1, bottom, bottom + 1.5, shade, bool(rng.random() < 0.2))
        if awning:
            _shop(art, x, z0 - 0.16 * step, z1 + 0.16 * step, shade, column % 3 == 1, rng)
        elif column == columns // 2:
            art.fill(CAMERA.side(x, 0, z0, 2.3, z1), "#6b4a35", "#4d3426")
        else:
            _window(art, x, z0, z1, 0.9, 2.3, shade, False)
    if awning:
        _awning(art, x, near + 0.4, far - 0.4, inward, awning, label)


def _window(art: Painting, x: float, z0: float, z1: float, y0: float, y1: float, shade: float, lit: bool) -> None:
    frame = blend("#f7f3ea", "#3b3f55", shade)
    art.fill(CAMERA.side(x, y0 - 0.12, z0 - 0.12, y1 + 0.1, z1 + 0.12), frame)
    top, bottom = ("#ffe3a6", "#e9a95c") if lit else ("#a9cbe0", "#3f5b73")
    art.fill(CAMERA.side(x, y0, z0, y1, z1), blend(top, "#3b3f55", shade), blend(bottom, "#3b3f55", shade))
    middle = (z0 + z1) / 2
    art.fill(CAMERA.side(x, y0, middle - 0.03, y1, middle + 0.03), frame)


def _shop(art: Painting, x: float, z0: float, z1: float, shade: float, door: bool, rng: np.random.Generator) -> None:
    frame = blend("#54483f", "#3b3f55", shade)
    art.fill(CAMERA.side(x, 0.1 if door else 0.5, z0 - 0.1, 2.6, z1 + 0.1), frame)
    glow, floor = blend("#f6e2b8", "#3b3f55", shade), blend("#6f5a4a", "#3b3f55", shade)
    if door:
        z0, z1 = z0 + 0.25 * (z1 - z0), z1 - 0.25 * (z1 - z0)
        art.fill(CAMERA.side(x, 0.5, z0, 2.1, z1), glow, floor)
        return
    art.fill(CAMERA.side(x, 0.6, z0, 2.5, z1), glow, floor)
    for share in (0.14, 0.32, 0.5, 0.68, 0.86):  # the goods on show
        middle, half, tall = z0 + share * (z1 - z0), 0.07 * (z1 - z0), rng.uniform(0.3, 0.75)
        tone = blend(("#7d4f45", "#4f6b62", "#8a7a4d", "#5a5570")[int(rng.integers(4))], "#3b3f55", shade)
        art.fill(CAMERA.side(x, 0.6, middle - half, 0.6 + tall, middle + half), blend(tone, "#ffffff", 0.15), tone)
    gleam = [CAMERA(x, 2.5, z0 + 0.35 * (z1 - z0)), CAMERA(x, 2.5, z0 + 0.6 * (z1 - z0))]
    gleam += [CAMERA(x, 0.6, z0 + 0.25 * (z1 - z0)), CAMERA(x, 0.6, z0)]
    art.fill(gleam, "#dfeaf2", alpha=0.22)


def _awning(art: Painting, x: float, near: float, far: float, inward: int, colour: str, label: int) -> None:
    count = 2 * int((far - near) / 0.9) + 1
    edges = np.linspace(near, far, count + 1)
    out = x + inward * 0.85
    for index in reversed(range(count)):
        z0, z1 = edges[index], edges[index + 1]
        tone = colour if index % 2 == 0 else "#f3ecdd"
        slope = [CAMERA(x, 2.95, z0), CAMERA(out, 2.45, z0), CAMERA(out, 2.45, z1), CAMERA(x, 2.95, z1)]
        art.fill(slope, blend(tone, "#ffffff", 0.1), tone, label=label)
        art.fill(CAMERA.side(out, 2.25, z0, 2.45, z1), blend(tone, "#22222c", 0.2), label=label)


def _tree(art: Painting, x: float, z: float, radius: float, label: int, rng: np.random.Generator) -> None:
    foot, fork = CAMERA(x, 0, z), CAMERA(x, 2.3, z)
    size = CAMERA.focal / z  # pixels to the metre
    art.fill(ellipse(foot[0] + 0.5 * size, foot[1], 1.2 * size, 0.16 * size), "#26262e", alpha=0.4, blur=0.08 * size)
    trunk = [
        (foot[0] - 0.16 * size, foot[1]),
        (fork[0] - 0.09 * size, fork[1]),
        (fork[0] + 0.09 * size, fork[1]),
        (foot[0] + 0.16 * size, foot[1]),
    ]
    art.fill(trunk, "#8a6a4c", "#54402f", across=True, label=label)
    cx, cy = CAMERA(x, 3.3, z)
    reach = radius * size
    for dx, dy, share in ((0, 0, 1.0), (-0.55, 0.25, 0.6), (0.55, 0.28, 0.6), (0.1, -0.5, 0.65)):
        outline = leafy(cx + dx * reach, cy + dy * reach, share * reach, share * reach * 0.92, rng)
        art.fill(outline, "#5f8f46", "#2f5a30", label=label)
    for _ in range(150):
        angle, distance = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1)) * 1.15
        dx, dy = np.cos(angle) * distance, np.sin(angle) * distance
        light = blend("#2f5b2f", "#a5c866", float(np.clip(0.55 - 0.35 * dx - 0.5 * dy, 0, 1)))
        leaf = rng.uniform(0.05, 0.11) * reach
        art.fill(leafy(cx + dx * reach, cy + dy * reach, leaf, leaf * 0.8, rng), light, alpha=0.5, inside=label)


def _car(art: Painting, x: float, z: float, paint: str, label: int) -> None:
    """A parked car seen from behind and a little from its left."""
    half, long = 0.9, 4.1
    left, right, size = x - half, x + half, CAMERA.focal / z
    art.fill(CAMERA.ground(left - 0.15, z - 0.15, right + 0.1, z + long), "#121218", alpha=0.6, blur=0.07 * size)
    dark, glass = blend(paint, "#15151c", 0.42), "#2b3c4b"
    flank = [(0.24, 0.1), (0.92, 0), (0.93, 3.0), (0.78, long), (0.26, long)]
    art.fill([CAMERA(left, y, z + dz) for y, dz in flank], blend(dark, paint, 0.4), dark, label=label)
    turn = np.linspace(0, 2 * np.pi, 40)
    for wheel in (z + 3.3, z + 0.75):
        for radius, tone in ((0.38, "#101014"), (0.32, "#1c1d22"), (0.19, "#b4b8bd"), (0.07, "#5a5d62")):
            rim = [CAMERA(left, 0.32 + radius * np.sin(a), wheel + radius * np.cos(a)) for a in turn]
            art.fill(rim, tone, label=label)
    cabin = [
        (left, 0.88, 0.0),
        (left + 0.06, 0.9, 0.0),
        (left + 0.18, 1.44, 0.6),
        (left + 0.16, 1.42, 2.1),
        (left, 0.9, 2.95),
    ]
    art.fill([CAMERA(px, y, z + dz) for px, y, dz in cabin], blend(glass, "#ffffff", 0.12), glass, label=label)
    for cx in (left + 0.2, right - 0.2):
        (x0, y0), (x1, y1) = CAMERA(cx - 0.15, 0.45, z), CAMERA(cx + 0.15, 0.0, z)
        art.fill(rounded(x0, y0, x1, y1, 0.07 * size), "#16171b", label=label)
    roof = [CAMERA(left + 0.16, 1.42, z + 0.65), CAMERA(right - 0.16, 1.42, z + 0.65)]
    roof += [CAMERA(right - 0.18, 1.46, z + 2.1), CAMERA(left + 0.18, 1.46, z + 2.1)]
    art.fill(roof, blend(paint, "#ffffff", 0.35), label=label)
    rear = [CAMERA(left + 0.05, 0.9, z), CAMERA(left + 0.17, 1.44, z + 0.6)]
    rear += [CAMERA(right - 0.17, 1.44, z + 0.6), CAMERA(right - 0.05, 0.9, z)]
    art.fill(rear, paint, dark, label=label)
    window = [CAMERA(left + 0.14, 0.95, z), CAMERA(left + 0.25, 1.37, z + 0.5)]
    window += [CAMERA(right - 0.25, 1.37, z + 0.5), CAMERA(right - 0.14, 0.95, z)]
    art.fill(window, "#9fb9c8", "#24323f")
    (x0, y0), (x1, y1) = CAMERA(left, 0.96, z), CAMERA(right, 0.24, z)
    art.fill(rounded(x0, y0, x1, y1, 0.14 * size), blend(paint, "#ffffff", 0.18), dark, label=label)
    (x0, y0), (x1, y1) = CAMERA(left, 0.44, z), CAMERA(right, 0.24, z)
    art.fill(rounded(x0, y0, x1, y1, 0.08 * size), "#3c3d43", "#26272b")
    for cx in (left + 0.2, right - 0.2):
        (x0, y0), (x1, y1) = CAMERA(cx - 0.17, 0.82, z), CAMERA(cx + 0.17, 0.66, z)
        art.fill(rounded(x0, y0, x1, y1, 0.05 * size), "#ff8d6b", "#c41f1f")
    (x0, y0), (x1, y1) = CAMERA(x - 0.26, 0.66, z), CAMERA(x + 0.26, 0.54, z)
    art.fill(rounded(x0, y0, x1, y1, 0.02 * size), "#f5f2e6")


def _bench(art: Painting) -> None:
    """A bench against the left wall."""
    x, near, far = LEFT_WALL + 0.15, 10.2, 12.4
    art.fill(CAMERA.ground(x, near, x + 0.7, far), "#26262e", alpha=0.5, blur=2)
    for z in (near + 0.2, far - 0.2):
        art.fill(CAMERA.front(x + 0.5, 0, x + 0.57, 0.45, z), "#33343a", label=17)
        art.fill(CAMERA.front(x + 0.02, 0, x + 0.09, 0.9, z), "#33343a", label=17)
    for y in (0.55, 0.7, 0.85):
        art.fill(CAMERA.side(x + 0.05, y, near, y + 0.11, far), "#a8764a", "#80552f", label=17)
    for dx in (0.1, 0.26, 0.42):
        art.fill(CAMERA.ground(x + dx, near, x + dx + 0.13, far, y=0.45), "#c08a58", label=17)
    art.fill(CAMERA.side(x + 0.56, 0.38, near, 0.45, far), "#80552f", label=17)
