"""What carries small things and signs of which the text does not say where they are."""

from __future__ import annotations

import pytest

from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.language.phrases import parse
from smartmask.plan.layouts.furnish import carries, furnished
from smartmask.plan.layouts.pipeline import guess_surfaces, surfaces_of
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


@pytest.mark.parametrize(
    ("text", "unsaid", "relations"),
    [
        ("a kitchen with a microwave", ["table"], ["microwave on table"]),
        ("an office with a laptop and a cup", ["desk"], ["laptop on desk", "cup on desk"]),
        ("a kitchen with a table and a bowl", [], []),
        ("a living room with a remote and a couch", [], []),
        ("a kitchen with an oven and a microwave", [], []),
        ("a living room with a vase and a couch", ["coffee table"], ["vase on coffee table"]),
        ("a beach with a bottle", [], []),
        ("a kitchen with a cup to the left of a bowl", [], ["cup left of bowl"]),
        (
            "a street with two traffic lights",
            ["pole", "pole 2"],
            ["traffic light on pole", "traffic light 2 on pole 2"],
        ),
    ],
)
def test_what_is_put_in(text: str, unsaid: list[str], relations: list[str]) -> None:
    asked = parse(text, TEXT)
    found, notes = furnished(asked, surfaces_of(asked)[0])
    assert [item.key for item in found.things if not item.said] == unsaid
    assert [str(relation) for relation in found.relations] == relations
    assert len(notes) == len(unsaid)
    assert found is asked or unsaid, "nothing is changed where nothing is put in"


def test_what_carries() -> None:
    assert carries("dining table", "cup")
    assert carries("couch", "laptop")
    assert not carries("couch", "cup")
    assert not carries("refrigerator", "microwave")


def test_a_teddy_bear_is_no_bear() -> None:
    assert guess_surfaces(["teddy bear", "bed"]) == "wall floor"
    assert "grass" in guess_surfaces(["polar bear"])
