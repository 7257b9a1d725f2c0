"""The drawn room: a living room with a window on the left and free floor and rug in front."""

from __future__ import annotations

import cv2
import numpy as np
from painting import Camera, Painting, Points, blend, ellipse, leafy, rounded

SIZE = (512, 384)
NAMES = {
    1: "ceiling",
    2: "wall",
    3: "floor",
    4: "window",
    5: "curtain",
    6: "curtain",
    7: "rug",
    8: "shelf",
    9: "book",
    10: "picture",
    11: "lamp",
    12: "couch",
    13: "pillow",
    14: "pillow",
    15: "table",
    16: "vase",
    17: "book",
}
CEILING, WALL, FLOOR, WINDOW, RUG, SHELF, BOOK, PICTURE, LAMP, COUCH, TABLE, VASE = (
    1,
    2,
    3,
    4,
    7,
    8,
    9,
    10,
    11,
    12,
    15,
    16,
)
CAMERA = Camera(focal=400, vanish=(285, 148), height=1.35)
LEFT, RIGHT, BACK, TOP = -2.3, 2.75, 5.4, 2.7  # the room's sides, in metres


def draw_room() -> tuple[np.ndarray, np.ndarray]:
    """``(384, 512, 3) uint8 picture, (384, 512) uint8 labels``; NAMES says what each label is."""
    art = Painting(*SIZE)
    rng = np.random.default_rng(11)
    _shell(art)
    _floor(art, rng)
    _window(art, rng)
    _rug(art)
    _shelf(art, rng)
    _picture(art)
    _lamp(art)
    _couch(art)
    _table(art)
    return art.finish()


def _shell(art: Painting) -> None:
    near = 1.0
    art.fill(CAMERA.ground(LEFT, near, RIGHT, BACK, y=TOP), "#e9e2d6", "#f6f1e8", label=CEILING)
    art.fill(CAMERA.side(LEFT, 0, near, TOP, BACK), "#8f9f98", "#a9b7ae", across=True, label=WALL)
    art.fill(CAMERA.side(RIGHT, 0, near, TOP, BACK), "#c3ccc0", "#a8b3a8", across=True, label=WALL)
    art.fill(CAMERA.front(LEFT, 0, RIGHT, TOP, BACK), "#c9d2c6", "#b3beb2", label=WALL)
    glow = [
        CAMERA(LEFT + 0.4, 2.6, BACK),
        CAMERA(0.8, 2.2, BACK),
        CAMERA(0.8, 0.2, BACK),
        CAMERA(LEFT + 0.4, 0.4, BACK),
    ]
    art.fill(glow, "#fff3d8", alpha=0.35, blur=22, inside=WALL)
    for x in (LEFT, RIGHT):  # where two walls meet
        art.fill(CAMERA.front(x - 0.12, 0, x + 0.12, TOP, BACK), "#5b655f", alpha=0.28, blur=5, inside=WALL)
        art.fill(CAMERA.side(x, TOP - 0.1, near, TOP, BACK), "#f4efe6", label=WALL)
        art.fill(CAMERA.side(x, 0, near, 0.13, BACK), "#efe9de", "#ddd6c9", label=WALL)
    art.fill(CAMERA.front(LEFT, TOP - 0.1, RIGHT, TOP, BACK), "#fbf7ee", label=WALL)
    art.fill(CAMERA.front(LEFT, 0, RIGHT, 0.13, BACK), "#f4efe4", "#e2dccf", label=WALL)


def _floor(art: Painting, rng: np.random.Generator) -> None:
    art.fill(CAMERA.ground(LEFT, 1.0, RIGHT, BACK), "#a87a4f", "#c2946a", label=FLOOR)
    for x in np.arange(LEFT, RIGHT, 0.2):  # boards that run ahead
        z = 1.2 - rng.uniform(0, 1)
        while z < BACK:
            end = min(z + rng.uniform(0.9, 1.7), BACK)
            tone = blend("#8f6239", "#d3a679", float(rng.uniform(0.1, 0.9)))
            board = CAMERA.ground(x, max(z, 0.8), x + 0.2, end)
            art.fill(board, tone, blend(tone, "#d9b48c", 0.25), alpha=0.75, inside=FLOOR)
            if end < BACK:
                art.fill(CAMERA.ground(x, end, x + 0.2, end + 0.012), "#5f3f25", alpha=0.6, inside=FLOOR)
            z = end
        art.fill(CAMERA.ground(x, 1.0, x + 0.012, BACK), "#5f3f25", alpha=0.5, inside=FLOOR)
    art.fill(CAMERA.ground(LEFT, BACK - 0.3, RIGHT, BACK + 0.1), "#3a2716", alpha=0.35, blur=5, inside=FLOOR)
    for z0, z1 in ((2.75, 3.3), (3.4, 3.95)):  # daylight through the two panes
        light = [
            CAMERA(LEFT + 0.15, 0, z0),
            CAMERA(-0.5, 0, z0 - 0.35),
            CAMERA(-0.5, 0, z1 - 0.35),
            CAMERA(LEFT + 0.15, 0, z1),
        ]
        art.fill(light, "#ffe9bd", alpha=0.5, blur=3, inside=FLOOR)


def _window(art: Painting, rng: np.random.Generator) -> None:
    y0, y1, z0, z1 = 0.8, 2.25, 3.45, 4.75
    art.fill(CAMERA.side(LEFT, y0 - 0.1, z0 - 0.12, y1 + 0.1, z1 + 0.12), "#fbf8f1", "#e5dfd2", label=WINDOW)
    art.fill(CAMERA.side(LEFT, y0, z0, y1, z1), "#b8dcf5", "#eef6ee")
    for _ in range(40):  # the garden outside
        z = rng.uniform(z0, z1)
        x, y = CAMERA(LEFT, y0 + min(abs(rng.normal(0, 0.22)), 0.4), z)
        if CAMERA(LEFT, 0, z0 + 0.12)[0] + 6 < x < CAMERA(LEFT, 0, z1)[0] - 5 and y < CAMERA(LEFT, y0, z)[1] - 5:
            art.fill(leafy(x, y, 6, 6, rng), blend("#6d9d62", "#b5d38a", float(rng.random())), alpha=0.75)
    frame = "#f7f3ea"
    middle = (z0 + z1) / 2
    art.fill(CAMERA.side(LEFT, y0, middle - 0.035, y1, middle + 0.035), frame)
    art.fill(CAMERA.side(LEFT, 1.68, z0, 1.74, z1), frame)
    sill = [CAMERA(LEFT, y0 - 0.06, z0 - 0.15), CAMERA(LEFT + 0.16, y0 - 0.06, z0 - 0.15)]
    sill += [CAMERA(LEFT + 0.16, y0 - 0.06, z1 + 0.15), CAMERA(LEFT, y0 - 0.06, z1 + 0.15)]
    art.fill(sill, "#fffdf6", "#e9e3d6", label=WINDOW)
    out = LEFT + 0.1
    art.fill(CAMERA.side(out, 2.36, z0 - 0.45, 2.41, z1 + 0.45), "#6f5338", label=5)
    for label, near, far in ((6, z1 - 0.1, z1 + 0.4), (5, z0 - 0.4, z0 + 0.1)):
        edges = np.linspace(near, far, 9)
        for i in range(8):
            tone = blend("#d9a441", "#a8732a", 0.75 if i % 2 else 0.1)
            art.fill(
                CAMERA.side(out, 0.08, edges[i], 2.38, edges[i + 1]), blend(tone, "#ffffff", 0.15), tone, label=label
            )


def _rug(art: Painting) -> None:
    for inset, tone, to in ((0, "#7f3f3a", "#95524a"), (0.09, "#e8dcc4", "#efe6d2"), (0.16, "#9c5148", "#b2685c")):
        shape = CAMERA.ground(-1.4 + inset, 2.6 + inset, 1.2 - inset, 4.1 - inset)
        art.fill(shape, tone, to, label=RUG)
    for x in np.linspace(-1.03, 0.83, 6):
        for z in (2.98, 3.36, 3.72):
            diamond = [CAMERA(x, 0, z - 0.13), CAMERA(x + 0.14, 0, z), CAMERA(x, 0, z + 0.13), CAMERA(x - 0.14, 0, z)]
            art.fill(diamond, "#e8dcc4", alpha=0.8)
            art.fill((np.array(diamond) + CAMERA(x, 0, z)) / 2, "#7f3f3a")


def _shelf(art: Painting, rng: np.random.Generator) -> None:
    x0, x1, z, tall = -1.75, -0.75, 5.05, 1.75
    art.fill(CAMERA.ground(x0 - 0.1, z - 0.15, x1 + 0.15, BACK), "#2a1c10", alpha=0.5, blur=4)
    art.fill(CAMERA.front(x0 - 0.05, 0.1, x1 + 0.2, tall, BACK), "#3b4540", alpha=0.3, blur=5, inside=WALL)
    art.fill(CAMERA.side(x1, 0, z, tall, BACK - 0.02), "#6d4a2f", "#54371f", label=SHELF)
    art.fill(CAMERA.front(x0, 0, x1, tall, z), "#8b6240", "#70492b", label=SHELF)
    for row in range(4):
        low = 0.12 + row * 0.41
        art.fill(CAMERA.front(x0 + 0.05, low, x1 - 0.05, low + 0.36, z), "#3d2817", "#4a321e", label=SHELF)
        x = x0 + 0.08
        while x < x1 - 0.16 - (0.3 if row == 2 else 0):
            wide, high = rng.uniform(0.035, 0.075), rng.uniform(0.22, 0.32)
            tone = ("#b5523f", "#3f6b7d", "#d8b25a", "#5f7d52", "#8a5a7c", "#e0d6c2")[int(rng.integers(6))]
            art.fill(CAMERA.front(x, low, x + wide, low + high, z), blend(tone, "#000000", 0.1), tone, label=BOOK)
            x += wide + 0.004
    cx, cy = CAMERA(x1 - 0.22, 0.94 + 0.12, z)
    art.fill(ellipse(cx, cy, 8, 9), "#d7dde0", "#8fa0a8", label=SHELF)


def _picture(art: Painting) -> None:
    (x0, y0), (x1, y1) = CAMERA(0.35, 2.3, BACK), CAMERA(1.65, 1.5, BACK)
    art.fill([(x0 + 3, y0 + 4), (x1 + 4, y0 + 4), (x1 + 4, y1 + 5), (x0 + 3, y1 + 5)], "#3b4540", alpha=0.45, blur=3)
    art.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], "#5a4028", "#3f2b19", label=PICTURE)
    x0, y0, x1, y1 = x0 + 4, y0 + 4, x1 - 4, y1 - 4
    art.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], "#f3d9a8", "#e8a36c")
    art.fill(ellipse(x0 + 0.68 * (x1 - x0), y0 + 0.36 * (y1 - y0), 6, 6), "#fff3d0")
    wave = np.linspace(0, 1, 30)
    for base, swing, tone in ((0.55, 0.16, "#7d7f9a"), (0.72, 0.1, "#56657f"), (0.86, 0.07, "#3b4a63")):
        tops = y0 + (base - swing * np.sin(wave * 5.5 + base * 9)) * (y1 - y0)
        ridge = list(zip(x0 + wave * (x1 - x0), np.minimum(tops, y1), strict=True))
        art.fill([*ridge, (x1, y1), (x0, y1)], tone)


def _lamp(art: Painting) -> None:
    x, z = 2.42, 5.05
    cx, _ = CAMERA(x, 0, z)
    glow_y = CAMERA(x, 1.62, z)[1]
    art.fill(ellipse(cx, glow_y, 46, 52), "#ffdf9e", alpha=0.6, blur=20)
    size = CAMERA.focal / z
    foot = CAMERA(x, 0.02, z)[1]
    art.fill(ellipse(cx, foot + 2, 0.26 * size, 0.07 * size), "#241a12", alpha=0.5, blur=2)
    art.fill(ellipse(cx, foot, 0.2 * size, 0.055 * size), "#6b6257", "#3e372f", label=LAMP)
    art.fill(CAMERA.front(x - 0.02, 0, x + 0.02, 1.45, z), "#8a7d6c", "#4f463b", across=True, label=LAMP)
    (x0, y0), (x1, y1) = CAMERA(x - 0.17, 1.82, z), CAMERA(x + 0.17, 1.4, z)
    shade = [(x0, y0), (x1, y0), (x1 + 0.12 * size, y1), (x0 - 0.12 * size, y1)]
    art.fill(shade, "#fff6da", "#f6c877", label=LAMP)
    art.fill(ellipse(cx, (y0 + y1) / 2 + 3, 9, 10), "#fffbea", alpha=0.8, blur=5, inside=LAMP)


def _slab(art: Painting, box: tuple[float, float, float, float, float, float], tone: str, radius: float) -> None:
    """A cushion-like block of the couch, (x0, y0, z0, x1, y1, z1) in metres, ``radius`` the rounding of its front."""
    x0, y0, z0, x1, y1, z1 = box
    faces = []
    for z in (z1, z0):
        (left, top), (right, bottom) = CAMERA(x0, y1, z), CAMERA(x1, y0, z)
        faces.append(rounded(left, top, right, bottom, radius * z0 / z))
    shadow, cut = "#16202a", radius * z0 / CAMERA.focal
    swept = cv2.convexHull(np.concatenate(faces).astype(np.float32))[:, 0]
    art.fill(swept, blend(tone, "#ffffff", 0.32), blend(tone, "#ffffff", 0.2), label=COUCH)
    side = x0 if x0 > 0 else x1
    if side * (1 if side == x0 else -1) > 0:
        art.fill(
            CAMERA.side(side, y0, z0, y1 - cut, z1), blend(tone, shadow, 0.3), blend(tone, shadow, 0.45), label=COUCH
        )
    art.fill(faces[1], blend(tone, "#ffffff", 0.14), blend(tone, shadow, 0.22), label=COUCH)


def _couch(art: Painting) -> None:
    tone = "#4f7488"
    x = -0.12  # its left end; the parts that a neighbour hides come first
    art.fill(CAMERA.ground(x - 0.1, 4.05, x + 2.35, BACK), "#241a12", alpha=0.6, blur=6)
    for leg in (x + 0.12, x + 2.05):
        art.fill(CAMERA.front(leg, 0, leg + 0.08, 0.16, 4.3), "#3f2a19", label=COUCH)
    _slab(art, (x + 0.03, 0.3, 4.98, x + 2.25, 1.02, 5.3), tone, 7)
    _slab(art, (x + 0.08, 0.14, 4.25, x + 2.2, 0.34, 5.0), blend(tone, "#16202a", 0.15), 4)
    halves = ((x + 1.14, x + 2.0), (x + 0.28, x + 1.14))
    for x0, x1 in halves:
        _slab(art, (x0, 0.45, 4.88, x1, 0.96, 5.05), blend(tone, "#ffffff", 0.07), 7)
    for label, cushion, colour in ((13, x + 0.4, "#d9a441"), (14, x + 1.5, "#d5dace")):
        (left, top), (right, bottom) = CAMERA(cushion, 0.86, 4.78), CAMERA(cushion + 0.42, 0.46, 4.78)
        shape = rounded(left, top, right, bottom, 6)
        art.fill(np.add(shape, (1.5, 2)), "#16202a", alpha=0.4, blur=2.5, inside=COUCH)
        art.fill(shape, blend(colour, "#ffffff", 0.25), blend(colour, "#3a2a18", 0.25), label=label)
    for x0, x1 in halves:
        _slab(art, (x0, 0.3, 4.22, x1, 0.47, 4.84), blend(tone, "#ffffff", 0.1), 5)
    for x0, x1 in ((x, x + 0.28), (x + 2.0, x + 2.28)):
        _slab(art, (x0, 0.12, 4.18, x1, 0.64, 5.05), tone, 7)


def _legs(art: Painting, spots: Points) -> None:
    for x, z in spots:
        art.fill(CAMERA.front(x - 0.025, 0, x + 0.025, 0.4, z), "#8a6038", "#5c3d22", label=TABLE)


def _table(art: Painting) -> None:
    x0, x1, z0, z1, top = 0.3, 1.3, 3.3, 3.85, 0.42
    art.fill(CAMERA.ground(x0, z0 - 0.05, x1 + 0.12, z1), "#1d120b", alpha=0.5, blur=6)
    _legs(art, [(x0 + 0.06, z1 - 0.06), (x1 - 0.06, z1 - 0.06), (x0 + 0.06, z0 + 0.06), (x1 - 0.06, z0 + 0.06)])
    art.fill(CAMERA.ground(x0, z0, x1, z1, y=top), "#b98552", "#d2a270", label=TABLE)
    art.fill(CAMERA.front(x0, top - 0.05, x1, top, z0), "#96683c", "#7d5430", label=TABLE)
    art.fill(CAMERA.ground(x0 + 0.55, z0 + 0.15, x0 + 0.85, z0 + 0.38, y=top + 0.03), "#3f6b7d", label=17)
    art.fill(CAMERA.front(x0 + 0.55, top, x0 + 0.85, top + 0.03, z0 + 0.15), "#efe7d6", label=17)
    cx, foot = CAMERA(x0 + 0.28, top, z0 + 0.3)
    art.fill(ellipse(cx + 4, foot, 11, 3), "#4a2f18", alpha=0.5, blur=2)
    for dx, dy in ((-9, -38), (0, -44), (9, -37), (-4, -41), (5, -42)):
        art.line([(cx, foot - 18), (cx + dx, foot + dy)], 1.2, "#5f8a4c", label=VASE)
        art.fill(ellipse(cx + dx, foot + dy, 4, 4), "#f3b7b0", "#d8736f", label=VASE)
        art.fill(ellipse(cx + dx, foot + dy, 1.4, 1.4), "#ffe9a8")
    art.fill(rounded(cx - 7, foot - 22, cx + 7, foot + 2, 6), "#f4f1ea", "#b5bfc2", label=VASE)
    art.fill(rounded(cx - 4, foot - 25, cx + 4, foot - 18, 2), "#e6e3dc", label=VASE)
