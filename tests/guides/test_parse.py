"""Option texts of guides, and the settings made of the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import block

from smartmask.guides import GUIDES, Blob, Box, MaskGuide, Point, Polygon, Scribble
from smartmask.guides.parse import GuideTexts, read_guides
from smartmask.image.files import save_png
from smartmask.io.settings import required

SIZE = (10, 12)


class Asked(GuideTexts):
    """A request that takes guides."""

    out: str = required("Where to.")


class Finished(GuideTexts):
    """A request for which ``mask`` is no guide."""

    taken = ("mask",)
    mask: tuple[Path, ...] = required("The finished mask.")


def test_guide_texts() -> None:
    guides = read_guides(
        {"box": ["0,0,5,5", "1, 2, 3, 4"], "point": ["2,3"], "blob": ["3,3,1.5,2"], "scribble": ["1,2;3,4"],
         "polygon": None}, SIZE,
    )  # fmt: skip
    assert guides[:4] == (Box(0, 0, 5, 5), Box(1, 2, 3, 4), Point(2, 3), Blob(3, 3, 1.5, 2))
    assert isinstance(guides[4], Scribble)


def test_a_request_has_a_field_a_guide() -> None:
    assert {guide.kind for guide in GUIDES} | {"out"} == set(Asked.model_fields)
    for guide in GUIDES:
        field = Asked.model_fields[guide.kind]
        assert field.description == guide.about
        assert field.default == ()
    asked = Asked.of(out="x", polygon=("1,1;5,1;5,5",), box=("0,0,5,5",))
    box, polygon = asked.guides(SIZE)  # in the table's order
    assert box == Box(0, 0, 5, 5)
    assert isinstance(polygon, Polygon)
    with pytest.raises(ValueError, match="12x10"):
        Asked.of(out="x", point=("20,20",)).guides(SIZE)


def test_a_request_may_mean_something_else_by_a_kinds_name() -> None:
    finished = Finished.of(mask=(Path("away.png"),), point=("2,3",))
    assert finished.guides(SIZE) == (Point(2, 3),)
    assert "mask" not in finished.texts()


@pytest.mark.parametrize("guide", [Scribble, Polygon])
@pytest.mark.parametrize(
    ("text", "lists"),
    [
        ("1,2;3,4;0,7", [[[1, 2], [3, 4], [0, 7]]]),
        ("1,2;3,4;5,9|5,6;1,2;9,9", [[[1, 2], [3, 4], [5, 9]], [[5, 6], [1, 2], [9, 9]]]),
        (" 1, 2 ; 3, 4 ; 8,8; ", [[[1, 2], [3, 4], [8, 8]]]),
    ],
)
def test_texts_of_points(guide: type[Scribble | Polygon], text: str, lists: list[list[list[float]]]) -> None:
    found = guide.parse(text)
    assert isinstance(found, guide)
    assert [np.asarray(one).tolist() for one in found.points] == lists


def test_painted_pictures(tmp_path: Path) -> None:
    painted = block(*SIZE, 2, 3, 9, 8)
    save_png(painted, tmp_path / "paint.png")
    guides = read_guides({kind: [tmp_path / "paint.png"] for kind in ("scribble", "mask")}, SIZE)
    for guide in guides:
        assert isinstance(guide, MaskGuide)
        assert np.array_equal(guide.mask, painted)


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("box", "1,2,3", "--box '1,2,3' has 3 numbers instead of 4; write x0,y0,x1,y1"),
        ("point", "here", "--point 'here' is not a list of numbers; write x,y"),
        ("blob", "1,2,3,4,5", "--blob '1,2,3,4,5' has 5 numbers instead of 4; write cx,cy,sx,sy"),
        ("scribble", " ", "scribble is empty"),
        ("scribble", "1,2|", "has an empty stroke"),
        ("polygon", "", "polygon is empty"),
        ("polygon", "1,2;3,4;5,5|", "has an empty ring"),
        ("polygon", "1,2;3,4;5", "--polygon '5' has 1 numbers instead of 2"),
        ("polygon", "1,2;3,4", "polygon 1,2;3,4 has no area; give three corners or more, not on one line"),
        ("mask", "nowhere.png", "nowhere.png"),
        ("circle", "1,2", "Unknown guide kind 'circle'"),
    ],
)
def test_wrong_texts(kind: str, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("|", r"\|")):
        read_guides({kind: [text]}, SIZE)
