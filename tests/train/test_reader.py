"""Training of the reader: views, the loss of sets, and a run that learns two colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from smartmask.data.photo_labels import ANYTHING, CLASSES, LabeledPhoto, bits_of
from smartmask.models.presets import load_component
from smartmask.models.reader import CELL, ReaderConfig, ReaderNetwork
from smartmask.photo_reader import class_shares
from smartmask.train import reader
from smartmask.train.reader import Photos, ReaderTrainConfig, class_weights, reading_loss, recoloured, train_reader


def two_halves(source: str = "coco_panoptic") -> LabeledPhoto:
    """Blue sky above green grass, with noise."""
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 40, (80, 100, 3), dtype=np.uint8)
    labels = np.full((80, 100), bits_of("grass"), dtype=np.uint32)
    labels[:40] = bits_of("sky")
    photo[:40, :, 2] += 180
    photo[40:, :, 1] += 120
    return LabeledPhoto(source, "1", photo, labels)


def test_views_keep_pixels_and_labels_together() -> None:
    photos = Photos([two_halves()], 64)
    rng = np.random.default_rng(0)
    right = []
    for _ in range(30):
        photo, labels = photos.draw(rng)
        assert photo.shape == (64, 64, 3)
        assert labels.shape == (64 // CELL, 64 // CELL)
        assert photo.dtype == np.float32
        assert 0 <= photo.min() <= photo.max() <= 1
        cells = photo.reshape(16, CELL, 16, CELL, 3).mean((1, 3))
        right.append(np.mean((cells[..., 2] > cells[..., 1]) == (labels == bits_of("sky"))))
    assert np.mean(right) > 0.8, "but for what is painted over and greyed"


def test_photos_of_no_known_source() -> None:
    with pytest.raises(ValueError, match="no photograph with labels"):
        Photos([two_halves("elsewhere")], 64)


def test_recoloured_photos_stay_photos() -> None:
    rng = np.random.default_rng(0)
    photo = rng.random((20, 30, 3), dtype=np.float32)
    for _ in range(50):
        found = recoloured(photo, rng)
        assert np.isfinite(found).all()
        assert np.abs(found).max() < 4


def test_rare_classes_weigh_more() -> None:
    photo = two_halves()
    labels = photo.labels.copy()
    labels[60:, 80:] = bits_of("road")
    weights = class_weights(Photos([LabeledPhoto(photo.source, "1", photo.photo, labels)], 64))
    road, sky = (float(weights[CLASSES.index(name)]) for name in ("road", "sky"))
    assert road > 1 > sky


def test_the_loss_of_a_set_asks_for_its_sum_alone() -> None:
    """-log(p1 + p2), whatever the shares of the two; and pixels of no knowledge have no gradient."""
    shares = torch.tensor([0.5, 0.3, 0.2])
    logits = shares.log()[None, :, None, None].expand(1, 3, 2, 2).clone().requires_grad_()
    labels = torch.tensor([[[0b011, int(ANYTHING)], [int(ANYTHING), int(ANYTHING)]]])
    loss = reading_loss(logits, labels, torch.ones(3))
    assert loss.item() == pytest.approx(-np.log(0.8), abs=1e-5)
    loss.sum().backward()
    gradient = logits.grad
    assert gradient is not None
    assert (gradient[0, :, 0, 1:] == 0).all()
    assert (gradient[0, :, 1] == 0).all()
    assert gradient[0, :2, 0, 0].max() < 0 < gradient[0, 2, 0, 0]


def test_a_single_class_weighs_what_it_should() -> None:
    logits = torch.zeros(1, 2, 1, 2)
    labels = torch.tensor([[[0b01, 0b10]]])
    weights = torch.tensor([3.0, 1.0])
    assert reading_loss(logits, labels, weights).item() == pytest.approx(np.log(2), abs=1e-6)
    logits[0, 0, 0, 0] = 5.0  # the heavy pixel gets right
    assert reading_loss(logits, labels, weights).item() < 0.4 * np.log(2)


def write_regions(folder: Path) -> None:
    """Twelve LabelMe photographs: the upper half is sky, or the lower one grass."""
    (folder / "lalonde_efros" / "images").mkdir(parents=True)
    (folder / "lalonde_efros" / "masks").mkdir()
    rows = ["id,name,keyword"]
    for number in range(12):
        photo = two_halves()
        name = ("sky", "grass")[number % 2]
        mask = photo.labels == bits_of(name)
        Image.fromarray(photo.photo).save(folder / "lalonde_efros" / "images" / f"p{number}.jpg", quality=95)
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "lalonde_efros" / "masks" / f"p{number}.png")
        rows.append(f"p{number},{name},{name}")
    (folder / "lalonde_efros" / "objects.csv").write_text("\n".join(rows) + "\n")


def test_an_unknown_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'voc' is no set of labeled photographs"):
        train_reader(tmp_path, tmp_path / "out", ReaderTrainConfig(sources=("voc",)))


def test_a_run_learns_from_regions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From photographs of which each names but one half; and a resumed run goes on from its checkpoint."""
    write_regions(tmp_path)
    tiny = ReaderConfig(CLASSES, ("person",), ("object",), side=64, widths=(4, 8, 8, 8, 8), depth=1, features=8,
                        normed=True)  # fmt: skip
    monkeypatch.setattr(reader, "reader_config", lambda: tiny)
    config = ReaderTrainConfig(steps=40, batch=4, view=64, learning_rate=0.02, warmup=2, ema=0.8, precision="no")
    component = train_reader(tmp_path, tmp_path / "out", config)
    network = load_component(component, ReaderNetwork, ReaderConfig).eval()
    named = class_shares(network, two_halves().photo).argmax(0)
    assert np.mean(named[: len(named) // 2] == CLASSES.index("sky")) > 0.8
    assert np.mean(named[len(named) // 2 :] == CLASSES.index("grass")) > 0.8
    assert train_reader(tmp_path, tmp_path / "out", config) == component, "nothing is left to do"
