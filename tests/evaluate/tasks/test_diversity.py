"""Clusters of suggestions with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask import Layer, Scene
from smartmask.evaluate.tasks.diversity import cluster_report, cluster_sheet
from smartmask.geometry import MaskWindow
from smartmask.masks.model import MaskOutput
from smartmask.metrics.clusters import cluster_masks


def block(x: int, bottom: int, side: int) -> np.ndarray:
    mask = np.zeros((100, 200), dtype=bool)
    mask[bottom - side : bottom, x - side // 2 : x + side // 2] = True
    return mask


# Left, three of one size; right, two small and one large.
MASKS = np.stack(
    [
        block(40, 90, 20),
        block(160, 60, 20),
        block(42, 92, 22),
        block(44, 88, 20),
        block(158, 62, 20),
        block(160, 62, 60),
    ]
)


def answer(masks: np.ndarray) -> MaskOutput:
    count, windows = len(masks), [MaskWindow.of(mask) for mask in masks]
    return MaskOutput(
        windows=windows, seen=windows, scores=np.linspace(0.9, 0.4, count), orders=[1] * count,
        seeds=list(range(count)), boxes=[(0.0, 0.0, 1.0, 1.0)] * count, why=[{}] * count, timings={}, notes=[],
    )  # fmt: skip


def test_the_report_counts_them() -> None:
    report = cluster_report(answer(MASKS), cluster_masks(MASKS))
    assert (report["places"], report["scales"], report["places_and_scales"]) == (2, 2, 3)
    assert report["effective_places"] == pytest.approx(2.0)
    assert report["effective_scales"] == pytest.approx(np.exp(-(5 / 6 * np.log(5 / 6) + 1 / 6 * np.log(1 / 6))))
    assert [group["seeds"] for group in report["groups"]] == [[0, 2, 3], [1, 4], [5]]
    assert report["groups"][2]["box_of_best"] == (130, 2, 190, 62)


def test_one_and_the_same() -> None:
    report = cluster_report(answer(MASKS[:1]), cluster_masks(MASKS[:1]))
    assert report["places"] == report["scales"] == report["effective_places"] == 1
    same = np.repeat(MASKS[:1], 5, axis=0)
    assert cluster_report(answer(same), cluster_masks(same))["places_and_scales"] == 1


def test_the_sheet_shows_every_group() -> None:
    scene = Scene(100, 200, (Layer("road", np.ones((100, 200), bool), False),))
    sheet = cluster_sheet(scene, answer(MASKS), cluster_masks(MASKS))
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] == 4 * 264  # the feet and three groups
