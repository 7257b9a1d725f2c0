"""Verdicts on outlines: what the border cuts, what touches, what comes twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from smartmask.data.curation import MAX_KEPT_SIDE, Curated, PackedMask, judge, roughness, shrunk
from smartmask.data.curation_doubles import mark_doubles
from smartmask.data.splits import Split, split_of
from smartmask.geometry import components
from smartmask.scene.outlines import IntBox, NamedOutline, Picture, cropped, without_specks
from tests.data.outline_sets import star

H, W = 200, 300


def outline(mask: np.ndarray, number: int = 0, name: str | None = "dog", crowd: bool = False) -> NamedOutline:
    crop = cropped(mask)
    assert crop is not None
    return NamedOutline(name, "label", number, *crop, crowd)


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((H, W), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def picture(*masks: np.ndarray, **more: object) -> Picture:
    outlines = tuple(outline(mask, i) for i, mask in enumerate(masks))
    return replace(Picture("coco", "9", H, W, outlines), **more)  # type: ignore[arg-type]


def verdicts(of: Picture) -> list[str]:
    return [o.verdict for o in judge(of)]


def test_clear_of_everything_is_whole() -> None:
    assert verdicts(picture(rectangle(40, 40, 90, 120), rectangle(150, 40, 250, 120))) == ["whole", "whole"]


@pytest.mark.parametrize(
    ("mask", "sides"),
    [
        (rectangle(0, 40, 60, 100), "l"),
        (rectangle(40, 1, 90, 100), "t"),
        (rectangle(240, 120, 300, 200), "rb"),
        (rectangle(0, 0, 300, 200), "ltrb"),
        (rectangle(3, 3, 297, 197), ""),
    ],
)
def test_what_the_border_cuts(mask: np.ndarray, sides: str) -> None:
    (found,) = judge(picture(mask))
    assert found.cut == sides
    assert found.verdict == ("cut" if sides else "whole")


def test_an_unknown_border_cuts_nothing() -> None:
    (found,) = judge(picture(rectangle(0, 0, 300, 200), size_known=False))
    assert (found.cut, found.verdict) == ("", "whole")


def test_neighbours_touch_but_what_lies_inside_another_is_in_front_of_it() -> None:
    beside = picture(rectangle(40, 40, 90, 120), rectangle(91, 40, 150, 120))
    assert verdicts(beside) == ["touching", "touching"]
    assert judge(beside)[0].contact > 0.1
    window_in_facade = picture(rectangle(20, 20, 280, 180), rectangle(60, 60, 100, 100))
    assert verdicts(window_in_facade) == ["whole", "whole"]
    assert verdicts(replace(beside, amodal=True)) == ["whole", "whole"]


def test_vocs_ring_parts_what_touches() -> None:
    left, right = rectangle(40, 40, 90, 120), rectangle(95, 40, 150, 120)
    assert verdicts(picture(left, right)) == ["whole", "whole"]
    ring = cv2.dilate((left | right).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~(left | right)
    assert verdicts(picture(left, right, void=ring)) == ["touching", "touching"]
    assert verdicts(picture(left, void=ring & ~rectangle(90, 0, 300, 200))) == ["whole"]
    assert verdicts(picture(left, void=rectangle(90, 30, 200, 150))) == ["touching"], "an unclear thing stands there"


def test_small_loose_crowded_and_nameless_ones() -> None:
    assert verdicts(picture(rectangle(40, 40, 55, 120))) == ["tiny"]
    assert verdicts(picture(rectangle(40, 40, 90, 120) | rectangle(120, 40, 140, 60))) == ["parts"]
    assert verdicts(picture(rectangle(40, 40, 90, 120) | rectangle(120, 40, 124, 44))) == ["whole"]
    crowd = outline(rectangle(40, 40, 90, 120), crowd=True)
    nameless = outline(rectangle(140, 40, 190, 120), name=None)
    assert verdicts(replace(picture(), outlines=(crowd, nameless))) == ["fused", "unnamed"]


def test_a_torn_outline_is_ragged_and_thin_legs_are_not() -> None:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(size=(H, W)), (0, 0), 1.2)
    disc = np.hypot(*np.mgrid[-100:100, -150:150]) < 70
    far = cv2.distanceTransform(disc.astype(np.uint8), cv2.DIST_L2, 3)
    torn = without_specks((disc & (far + 60 * noise > 10)) | (far > 22))[0]
    torn = max(components(torn), key=np.count_nonzero)
    table = rectangle(60, 50, 240, 60) | rectangle(64, 50, 68, 160) | rectangle(232, 50, 236, 160)
    assert verdicts(picture(torn)) == ["ragged"]
    assert verdicts(picture(table)) == ["whole"]
    assert roughness(disc) == pytest.approx(1, abs=0.05)


def test_large_masks_shrink_and_keep_their_legs() -> None:
    mask = np.zeros((2000, 1000), dtype=bool)
    mask[:200] = True
    mask[:, 500:503] = True  # three pixels of two thousand
    small = shrunk(mask)
    assert max(small.shape) == MAX_KEPT_SIDE
    assert small[:, 98:103].any(axis=1).all()
    np.testing.assert_array_equal(shrunk(small), small)


def test_specks_and_pinholes_go() -> None:
    mask = rectangle(40, 40, 140, 140)
    clean, loose = without_specks((mask | rectangle(200, 40, 204, 44)) & ~rectangle(80, 80, 82, 82))
    np.testing.assert_array_equal(clean, mask)
    assert loose == pytest.approx(16 / 10012, rel=0.01)
    ring = mask & ~rectangle(60, 60, 120, 120)
    np.testing.assert_array_equal(without_specks(ring)[0], ring)


def curated(mask: np.ndarray, source: str, quality: float = 0.5, name: str = "dog", number: int = 0) -> Curated:
    height, width = mask.shape
    box: IntBox = (10, 10, 10 + width, 10 + height)
    split = split_of(source)
    where = ("", None, 400, 400, True, box, PackedMask.of(mask))
    return Curated(name, name, "coco", source, number, split, "whole", *where, 0.0, 1.0, quality)


def source_of(split: Split, skip: int = 0) -> str:
    return [s for s in map(str, range(200)) if split_of(s) == split][skip]


def test_of_doubles_the_better_stays_also_mirrored_and_scaled() -> None:
    shape = star(5, turn=0.2)
    good = curated(shape, source_of("train"), 0.9)
    twin = curated(
        cv2.resize(shape[:, ::-1].astype(np.uint8), None, fx=2, fy=2).astype(bool), source_of("train", 1), 0.4
    )
    other = curated(star(9), source_of("train", 2))
    cat = curated(shape, source_of("train", 3), name="cat")
    more = [curated(star(7 + 4 * i), source_of("train", 4 + i)) for i in range(2)]
    assert mark_doubles([twin, other, good, cat, *more]) == 1
    assert [o.verdict for o in (good, twin, other, cat)] == ["whole", "duplicate", "whole", "whole"]
    assert twin.reason == f"of coco {good.source} #0"


def test_a_double_of_a_test_outline_leaves_the_training_split() -> None:
    shape = star(5)
    held = curated(shape, source_of("test"), 0.1)
    dev = curated(shape, source_of("dev"), 0.2)
    train = curated(shape, source_of("train"), 0.9)
    others = [curated(star(7 + 2 * i), source_of("train", i)) for i in range(3)]
    mark_doubles([train, dev, held, *others])
    assert [o.verdict for o in (held, dev, train)] == ["whole", "duplicate", "duplicate"]
    assert {o.verdict for o in others} == {"whole"}
    alone = [curated(shape, source_of("train"), name="ball"), curated(shape, source_of("test"), name="ball")]
    assert mark_doubles(alone) == 0, "a name without others keeps it"


def test_solid_things_are_alike_by_chance_within_a_split() -> None:
    plain = np.ones((60, 40), dtype=bool)
    notched = plain.copy()
    notched[:10, :15] = False
    both = plain.copy()
    both[:3] = False
    assert np.count_nonzero(notched) / plain.size > 0.9
    several = [curated(star(5 + 2 * i), source_of("train", i)) for i in range(3)]
    train = [curated(plain, source_of("train", 3), 0.9), curated(notched, source_of("train", 4))]
    assert mark_doubles([*train, *several]) == 0
    held = curated(notched, source_of("test"))
    assert mark_doubles([curated(plain, source_of("train", 3)), held, *several]) == 1


def test_a_stretched_one_is_no_double() -> None:
    shape = star(5)
    wide = cv2.resize(shape.astype(np.uint8), None, fx=2, fy=1).astype(bool)
    outlines = [curated(shape, source_of("train")), curated(wide, source_of("train", 1))]
    assert mark_doubles(outlines) == 0


def test_curating_a_folder_writes_outlines_and_report(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    from typer.testing import CliRunner

    from smartmask.cli.data import app
    from smartmask.geometry import rle_decode
    from tests.data.outline_sets import box, write_objects

    things = [
        ("a", "sofa", [box(20, 20, 90, 90)]),
        ("b", "sofa", [box(0, 20, 60, 70)]),
        ("c", "plastic film", [box(20, 20, 60, 70)]),
    ]
    write_objects(tmp_path, "furniture", things)
    done = CliRunner().invoke(app, ["curate", str(tmp_path), "--set", "furniture", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    table = pq.read_table(tmp_path / "out" / "outlines.parquet").to_pylist()
    assert [(row["name"], row["verdict"], row["cut"]) for row in table] == [
        ("couch", "whole", ""),
        ("couch", "cut", "l"),
        (None, "unnamed", ""),
    ]
    first = table[0]
    assert (first["tier"], first["licence"], first["kind"]) == ("open", "public domain", "photo")
    assert first["split"] == split_of("a")
    mask = rle_decode({"size": [first["h"], first["w"]], "counts": first["counts"]})
    assert mask.all()
    assert mask.shape == (70, 70)
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "| furniture | 3 | 1 | 1 |  | 1 |" in report
    assert not list((tmp_path / "out").glob(".*"))
