"""Nats told by the scene: tellers that know, that do not, and the exemplar model's chooser."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from smartmask.data.pack import Pack
from smartmask.data.targets import Case, Protocol, draw_sample
from smartmask.evaluate.protocol import cases
from smartmask.evaluate.tasks import scene as nats
from smartmask.evaluate.tasks.scene import Donors, Rivals, nats_lines, nats_report, nats_rows, teller_of
from smartmask.geometry import BoxXYXY
from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.exemplar.choose import Chooser, ChooserConfig
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.train.networks.chooser import ChooserModule

EVERY = Protocol(limit=None)


@pytest.fixture(scope="module")
def questions(pack: Pack) -> list[Case]:
    return list(cases(pack, draw_sample(pack, EVERY).targets, EVERY))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pack has few objects of a name and set."""
    monkeypatch.setattr(nats, "LEAST", 2)


def test_rivals_are_of_other_pictures_and_like_aspect(pack: Pack, questions: list[Case]) -> None:
    rivals = Rivals(Donors(pack, EVERY))
    ball = next(case for case in questions if case.target.name == "ball")
    every = rivals.of(ball.target, False, 99)
    assert 1 < len(every) < 8
    assert len(rivals.of(ball.target, True, 99)) <= len(every)
    np.testing.assert_array_equal(rivals.of(ball.target, False, 1)[0], every[0])


def test_a_teller_that_knows_saves_all_and_a_blind_one_nothing(pack: Pack, questions: list[Case]) -> None:
    own = {id(case.scene): case for case in questions}

    def knows(scene: Scene, name: str, box: BoxXYXY, shapes: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(shapes)) == 0, 50.0 if id(scene) in own else 0.0, 0.0)

    donors, sample = Donors(pack, EVERY), draw_sample(pack, EVERY)
    found = nats_report(nats_rows(questions, knows, donors), sample)
    assert found["all"]["loss"]["true"][0] == pytest.approx(0, abs=1e-6)
    assert found["all"]["loss"]["empty"] == found["all"]["loss"]["chance"]
    assert found["all"]["saved"]["swapped"] == found["all"]["saved"]["chance"]
    blind = nats_report(nats_rows(questions, lambda *ask: np.zeros(len(ask[3])), donors), sample)
    assert blind["all"]["saved"] == {name: [0, 0, 0] for name in ("swapped", "empty", "chance")}
    assert "| all objects |" in "\n".join(nats_lines(blind))
    assert nats_report([], sample) == {}


def test_the_choosers_scores_are_asked_in_scene_and_box(pack: Pack, questions: list[Case]) -> None:
    text = TextEncoder.from_pretrained(BUNDLED_TEXT)
    model = SimpleNamespace(chooser=Chooser.of(ChooserModule(ChooserConfig())), text=text)
    tell = teller_of(SimpleNamespace(model=model))
    assert tell is not None
    case = questions[0]
    shapes = np.stack([np.ones((64, 64), bool), np.tri(64, dtype=bool)])
    here, elsewhere = tell(case.scene, "ball", case.target.box, shapes), tell(case.scene, "ball", (0, 0, 9, 9), shapes)
    assert here.shape == (2,)
    assert here[0] != here[1]
    assert (here != elsewhere).all()
    assert (here != tell(Scene.empty(120, 160), "ball", case.target.box, shapes)).all()
    assert teller_of(SimpleNamespace()) is None
