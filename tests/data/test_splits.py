"""The split is for ever: these pins must never be edited to fit a changed rule."""

from __future__ import annotations

import hashlib

import pytest

from smartmask.data.splits import coco_key, split_of

PINNED = [
    ("9", "train"),
    ("25", "dev"),
    ("42", "test"),
    ("61", "test"),
    ("188819", "train"),
    ("6608", "dev"),
    ("2007_000032", "train"),
    ("2007_000033", "dev"),
    ("2011_003276", "train"),
    ("156", "test"),
    ("0001TP", "train"),
    ("0006R0", "dev"),
    ("0016E5", "train"),
    ("FudanPed00001", "train"),
    ("image_100005", "test"),
    ("Bone-1", "train"),
]


@pytest.mark.parametrize(("key", "split"), PINNED)
def test_pinned(key: str, split: str) -> None:
    assert split_of(key) == split


def test_rule_is_sha1_modulo_ten() -> None:
    for number in range(200):
        digit = int(hashlib.sha1(str(number).encode()).hexdigest(), 16) % 10
        assert split_of(str(number)) == {0: "test", 1: "test", 2: "dev"}.get(digit, "train")


def test_shares() -> None:
    splits = [split_of(f"key {i}") for i in range(5000)]
    assert abs(splits.count("train") / 5000 - 0.7) < 0.03
    assert abs(splits.count("test") / 5000 - 0.2) < 0.03


@pytest.mark.parametrize(
    "name",
    [
        188819,
        "188819",
        "000000188819",
        "000000188819.jpg",
        "COCO_val2014_000000188819.jpg",
        "https://s3.amazonaws.com/coco-ann/coco-val/COCO_val2014_000000188819.jpg",
    ],
)
def test_one_key_wherever_a_coco_image_occurs(name: int | str) -> None:
    assert coco_key(name) == "188819"


def test_id_zero_and_names_without_id() -> None:
    assert coco_key("000000000000.png") == "0"
    with pytest.raises(ValueError, match=r"'photo\.jpg' holds no COCO image id"):
        coco_key("photo.jpg")
