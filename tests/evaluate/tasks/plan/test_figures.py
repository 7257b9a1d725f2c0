"""Figures of next-object planners on scenes whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.data.plans import INDEX, NAMES, STOP, PlanScene
from smartmask.evaluate.tasks.plan.figures import CoOccurrence, Frequency, better_by, next_figures, order_tau


def scene(*names: str, style: str = "things") -> PlanScene:
    return PlanScene("k", names, np.tile(np.array([[0.1, 0.1, 0.5, 0.5]], np.float32), (len(names), 1)), style)


KITCHEN, STREET = scene("dining table", "cup", "bowl"), scene("car", "bus", "traffic light")


class Oracle:
    name = "oracle"

    def predict(self, scene: PlanScene, count: int) -> np.ndarray:
        shares = np.full(STOP + 1, 1e-6)
        shares[INDEX[scene.names[count]] if count < len(scene.names) else STOP] = 1
        return shares / shares.sum()


def test_probabilities_add_up() -> None:
    train = [KITCHEN, STREET]
    for predictor in (Frequency(train), CoOccurrence(train)):
        for count in range(4):
            assert predictor.predict(KITCHEN, count).sum() == pytest.approx(1)


def test_an_oracle_is_right_and_knowing_company_helps() -> None:
    train = [KITCHEN, STREET] * 10
    assert next_figures(Oracle(), train)["top1"] == 1
    frequency, company = Frequency(train), CoOccurrence(train)
    mean, low, _ = better_by(company, frequency, train)
    assert mean > 0.5
    assert low > 0
    assert company.predict(KITCHEN, 1)[INDEX["cup"]] > company.predict(STREET, 1)[INDEX["cup"]]


def test_kendall_tau() -> None:
    near = {"cup": 2.0, "dining table": 1.0, "person": 1.0}
    assert order_tau(near, [("cup", "dining table")] * 3 + [("dining table", "cup")]) == (0.5, 4)
    assert order_tau(near, [("person", "dining table"), ("cup", "cup")]) == (0.0, 1)
    assert order_tau(near, []) == (0.0, 0)


def test_names_are_cocos_and_differ() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {"person", "sky", "dining table", "wall"} <= set(NAMES)
