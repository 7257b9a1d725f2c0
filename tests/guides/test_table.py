"""The table of guides is the only list of them: what a line brings, and that nothing else knows the kinds."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import GUIDE_STRATEGIES, guides_at, guides_inside, sizes

import smartmask
from smartmask.guides import GUIDES, KINDS, Guide, as_guides, draw, guide_from_json
from smartmask.guides.guide import PROMISE
from smartmask.guides.parse import read_guides
from smartmask.guides.table import NONE, NUMBERS, SHARES

SOURCE = Path(smartmask.__file__).parent
NAMES = {guide.__name__ for guide in GUIDES}
KIND = {guide.kind: guide for guide in GUIDES}


def option_text(guide: Guide) -> str:
    """A guide as its option would be written: its numbers, or its lists of points."""
    first, *others = (value for key, value in guide.to_json().items() if key != "kind")
    if isinstance(first, list):
        return "|".join(";".join(f"{x!r},{y!r}" for x, y in one) for one in first)
    return ",".join(repr(value) for value in (first, *others))


# --- what a line brings --------------------------------------------------------------------------


def test_kinds_are_told_apart() -> None:
    assert len({*KINDS}) == len(KINDS) == len(GUIDES) + 1
    assert len({*NUMBERS.values()}) == len(KINDS), "two kinds share the number of their chance"
    assert set(SHARES) == set(NUMBERS) == set(KINDS)
    assert set(GUIDE_STRATEGIES) == set(GUIDES), "every guide has its strategy"
    assert set(smartmask.__all__) >= NAMES


@pytest.mark.parametrize("kind", KIND)
def test_a_kind_has_its_embedding(kind: str) -> None:
    vector = KIND[kind].promise.vector()
    assert vector.shape == (PROMISE,) == (8,)
    assert vector.min() >= 0
    assert vector.max() <= 1
    assert vector.any(), "a guide that promises nothing says nothing"
    same = [other for other in GUIDES if np.array_equal(other.promise.vector(), vector)]
    assert same == [KIND[kind]]


@pytest.mark.parametrize("kind", KIND)
@given(sizes, st.data())
def test_json_and_back(kind: str, size: tuple[int, int], data: st.DataObject) -> None:
    guide = data.draw(guides_inside(*size, kinds=[KIND[kind]]))
    written = json.dumps(guide.to_json(), allow_nan=False)
    back = guide_from_json(json.loads(written))
    assert type(back) is type(guide)
    assert json.dumps(back.to_json()) == written
    assert back.extent(*size) == guide.extent(*size)
    np.testing.assert_allclose(draw([back], *size), draw([guide], *size), atol=0.5 / 255 + 1e-6)
    assert json.loads(json.dumps(guide.describe()))["kind"] == kind


@pytest.mark.parametrize("kind", [kind for kind in KIND if KIND[kind].form != "PNG"])
@given(sizes, st.data())
def test_texts_and_back(kind: str, size: tuple[int, int], data: st.DataObject) -> None:
    guide = data.draw(guides_inside(*size, kinds=[KIND[kind]]))
    assume(guide.to_json().get("width") is None)  # the text of a stroke has none
    (back,) = read_guides({kind: [option_text(guide)]}, size)
    assert back.to_json() == guide.to_json()


@pytest.mark.parametrize("kind", KIND)
@settings(max_examples=10)
@given(sizes, st.data())
def test_a_guide_elsewhere_names_the_scenes_size(kind: str, size: tuple[int, int], data: st.DataObject) -> None:
    guide = data.draw(guides_at(80, 80, 90, 90, kinds=[KIND[kind]]))
    with pytest.raises(ValueError, match=rf"^The {kind} .* scene( is|, which is) {size[1]}x{size[0]}\.$"):
        as_guides(guide, *size)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "A guide is None; it is an object such as"),
        ([1, 2], r"A guide is \[1, 2\]"),
        ({"x": 1}, "A guide is {'x': 1}"),
        ({"kind": 3}, "A guide is"),
        ({"kind": "circle"}, "Unknown guide kind 'circle'"),
        ({"kind": "box", "x0": 1}, "The box has the fields x0; write it as a result does"),
        ({"kind": "point"}, "The point has the fields none"),
        ({"kind": "point", "x": 1, "y": 2, "z": 3}, "The point has the fields x, y, z"),
        ({"kind": "point", "x": "left", "y": 2}, "not a finite number"),
        ({"kind": "scribble", "rings": []}, "The scribble has the fields rings"),
        ({"kind": "polygon", "rings": [[[1, 1], [2, 2]]]}, "polygon 1,1;2,2 has no area"),
        ({"kind": "mask", "box": [1, 2, 3, 4], "area": 3}, "The mask has the fields box, area"),
        ({"kind": "mask", "png": "AAAA"}, "The mask guide's png is not a picture"),
        ({"kind": "mask", "png": 7}, "The mask guide's png is no picture"),
    ],
)
def test_wrong_json(value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        guide_from_json(value)


# --- nothing else knows the kinds ----------------------------------------------------------------


def known_kinds(path: Path, lists: bool) -> list[str]:
    """Where a module asks for a guide's class or kind, or lists several kinds."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            asked = {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
            if asked & NAMES:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.Compare):
            texts = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
            if texts & set(KIND) and "kind" in ast.unparse(node):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
        if lists and isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict)):
            items = node.keys if isinstance(node, ast.Dict) else node.elts
            if len({item.value for item in items if isinstance(item, ast.Constant)} & set(KIND)) > 2:
                found.append(f"line {node.lineno}: {ast.unparse(node)[:60]}")
    return found


MODULES = {str(path.relative_to(SOURCE)): path for path in sorted(SOURCE.rglob("*.py"))}


@pytest.mark.parametrize("module", [m for m in MODULES if m.split("/")[0] not in ("guides", "evaluate", "train")])
def test_no_module_asks_for_a_kind(module: str) -> None:
    """Whoever reads guides goes by what they promise; benchmarks and recipes may name kinds."""
    found = known_kinds(MODULES[module], lists=not module.startswith("cli/"))
    assert not found, f"{module} knows kinds of guides: {found}"


def test_modules_that_know_kinds_are_found(tmp_path: Path) -> None:
    for source in ("isinstance(g, (Box, int))", "g.kind == 'box'", "KINDS = ('box', 'blob', 'point')"):
        (tmp_path / "one.py").write_text(source)
        assert len(known_kinds(tmp_path / "one.py", lists=True)) == 1
    (tmp_path / "one.py").write_text("isinstance(g, Guide); print('box', 'blob', 'point'); kind == 'vase'")
    assert not known_kinds(tmp_path / "one.py", lists=True)


# --- a new guide is a file and a line ------------------------------------------------------------

RING = '''"""A ring round the object."""
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from smartmask.guides.guide import Guide, Promise
from smartmask.guides.hand import box_of

@dataclass(frozen=True)
class Ring(Guide):
    x: float
    y: float
    radius: float
    kind: ClassVar[str] = "ring"
    promise: ClassVar[Promise] = Promise(rough=1, covers=1, mass=0.9)
    number: ClassVar[int] = 99
    form: ClassVar[str] = "x,y,radius"
    about: ClassVar[str] = "A ring round the object."

    def extent(self, height, width):
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius

    def sample(self, x, y, height, width):
        return (np.hypot(x - self.x, y - self.y) <= self.radius).astype(np.float32)

    @classmethod
    def simulated(cls, mask, rng, exact):
        x0, y0, x1, y1 = box_of(mask)
        return cls((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) / 2 * (1 if exact else rng.uniform(1, 1.2)))
'''

USED = """
import json
import numpy as np
import typer
from pathlib import Path
from typer.testing import CliRunner
from smartmask import Box, Scene, SmartMaskPipeline
from smartmask.cli.command import command_of
from smartmask.data.pairs import PairConfig
from smartmask.data.targets import Protocol
from smartmask.guides import KINDS, as_guides, draw, guide_from_json
from smartmask.guides.parse import GuideTexts
from smartmask.guides.simulated import draw_guide
from smartmask.guides.ring import Ring
from smartmask.masks.objects import read_object

SIZE = (96, 128)
ring = Ring(64.0, 50.0, 30.0)
assert KINDS[-1] == "ring"
# parsing, as a setting, an option of a command and a key of insert's JSON
assert GuideTexts.of(ring=("64,50,30",)).guides(SIZE) == (ring,)
seen = []
app = typer.Typer()
def look(request):
    seen.append(request.guides(SIZE))
app.command()(command_of(GuideTexts, look))
assert CliRunner().invoke(app, ["--ring", "64,50,30", "--box", "1,2,30,40"]).exception is None
assert seen == [(Box(1, 2, 30, 40), ring)], seen
assert read_object({"object": "dog", "ring": [64, 50, 30]}, "it", Path("."), SIZE).guides == (ring,)
# JSON
assert guide_from_json(json.loads(json.dumps(ring.to_json()))) == ring
# errors
try:
    as_guides(Ring(500, 500, 3), *SIZE)
except ValueError as error:
    assert "ring at 497,497,503,503 lies outside the scene, which is 128x96" in str(error)
else:
    raise AssertionError("outside and not refused")
# simulation, for benchmarks and training
mask = draw([Ring(60, 40, 20)], *SIZE) > 0
assert draw_guide(mask, "ring", np.random.default_rng(0), exact=True) == Ring(60, 40, 20)
assert Protocol(guidance=("ring",)).guidance == ("ring",)
assert PairConfig().kinds["ring"] == 0
# the pipeline, with the weights as they are
labels = np.ones(SIZE, int); labels[48:] = 2
scene = Scene.from_label_map(labels, {1: "sky", 2: "grass"})
pipe = SmartMaskPipeline.from_pretrained()
for guidance in (ring, [ring, Box(40, 20, 90, 80)]):
    out = pipe(scene, "dog", guidance=guidance, num_masks=3, generator=0)
    for mask, (x0, y0, x1, y1) in zip(out.masks, out.boxes):
        assert mask.any()
        assert abs((x0 + x1) / 2 - 64) < 20 and abs((y0 + y1) / 2 - 50) < 20, (x0, y0, x1, y1)
        assert max(x1 - x0, y1 - y0) > 25
barred = pipe(scene, "dog", guidance=Box(40, 20, 90, 80), not_here=Ring(40, 20, 10), num_masks=3, generator=0)
assert barred.masks.any()
print("used")
"""


def test_a_new_guide_is_a_file_and_a_line(tmp_path: Path) -> None:
    """Parsing, options, JSON, errors, simulation, benchmark and pipeline follow; no weights are made for it."""
    house = tmp_path / "smartmask"
    shutil.copytree(SOURCE, house, ignore=shutil.ignore_patterns("weights", "__pycache__"))
    (house / "weights").symlink_to(SOURCE / "weights")
    (house / "guides" / "ring.py").write_text(RING)
    table = house / "guides" / "table.py"
    lines = table.read_text(encoding="utf-8").replace("    Polygon,\n", "    Polygon,\n    Ring,\n")
    lines = lines.replace("\n\nGUIDES", "\nfrom smartmask.guides.ring import Ring\n\nGUIDES")
    table.write_text(lines, encoding="utf-8")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{USED}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.stdout == "used\n", done.stderr[-2000:]
    assert KINDS[0] == NONE
