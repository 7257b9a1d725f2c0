"""Do generated silhouettes look real? Distances between sets of features, and a classifier told to tell them apart.

Both distances depend on the size of the sets, so every comparison is between two sets of one size from
different images, and stands beside the same comparison of real with real: the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from smartmask.data.silhouettes import Silhouettes
from smartmask.metrics.judge import Judge, JudgeConfig, as_input, features_of, jitter
from smartmask.metrics.masks import Interval

REAL = "real"
HALVES = 20  # random halves of the images that distances are averaged over


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance of Gaussians fitted to two sets of features, (n, d) and (m, d); 0 for equal sets.

    ``|mu_a - mu_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))``: Heusel et al., "GANs Trained by a Two
    Time-Scale Update Rule" (arXiv 1706.08500), eq. 6, on other features than Inception's, so its figures
    compare with none but its own. Biased upwards in small sets: compare sets of one size.
    Raises ValueError for sets of fewer than two rows.
    """
    a, b = _checked(a, b)
    root = _root(np.cov(a, rowvar=False))
    # tr (C_a C_b)^(1/2) equals tr (R C_b R)^(1/2) with R the root of C_a, which is symmetric: no complex parts.
    cross = np.linalg.eigvalsh(root @ np.atleast_2d(np.cov(b, rowvar=False)) @ root)
    traces = a.var(axis=0, ddof=1).sum() + b.var(axis=0, ddof=1).sum()
    between = np.sqrt(np.clip(cross, 0, None)).sum()
    return float(max(((a.mean(0) - b.mean(0)) ** 2).sum() + traces - 2 * between, 0.0))


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """KID: the unbiased squared maximum mean discrepancy of features (n, d), (m, d), kernel ``(x.y / d + 1)^3``.

    Binkowski et al., "Demystifying MMD GANs" (arXiv 1801.01401), section 3.2 and eq. 4. Expected 0
    for sets of one distribution, so it may be negative. Raises ValueError for fewer than two rows.
    """
    a, b = _checked(a, b)
    n, m, width = len(a), len(b), a.shape[1]
    within_a, within_b, across = ((x @ y.T / width + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    return float(
        (within_a.sum() - np.trace(within_a)) / (n * (n - 1))
        + (within_b.sum() - np.trace(within_b)) / (m * (m - 1))
        - 2 * across.mean()
    )


def _checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"Sets of shapes {a.shape} and {b.shape} cannot be compared; give (n, d) and (m, d), n, m > 1."
        )
    return a, b


def halves(images: np.ndarray, count: int = HALVES, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """``count`` random pairs of index arrays of one length, from disjoint sets of images. ValueError for one image."""
    keys, index = np.unique(images, return_inverse=True)
    if len(keys) < 2:
        raise ValueError("All objects come from one image; halves of the images need at least two.")
    rng = np.random.default_rng(seed)
    for _ in range(count):
        first = rng.permutation(len(keys)) < len(keys) / 2
        left, right = np.flatnonzero(first[index]), np.flatnonzero(~first[index])
        size = min(len(left), len(right))
        yield rng.permutation(left)[:size], rng.permutation(right)[:size]


def distances(features: Mapping[str, np.ndarray], images: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Frechet and kernel distance of each system's set to the real one, each a mean and a 95 % range over halves.

    features: {system: (N, d)}, row i of every system for the same real object; REAL is one of them, and
    its row in the result is the floor. For each random half of the images, the system's features of one
    half are compared with the real ones of the other half, so all sets have one size and no object
    meets itself.
    """
    real = features[REAL]
    found: dict[str, dict[str, list[float]]] = {name: {"frechet": [], "kid": []} for name in features}
    sizes = []
    for left, right in halves(images, seed=seed):
        if len(left) < 2:
            raise ValueError(f"{len(images)} objects leave {len(left)} in a half; give more objects.")
        sizes.append(len(left))
        for name, rows in features.items():
            found[name]["frechet"].append(frechet_distance(rows[left], real[right]))
            found[name]["kid"].append(kernel_distance(rows[left], real[right]))
    result: dict[str, Any] = {"objects_a_side": int(np.median(sizes)), "halves": HALVES}
    for name, values in found.items():
        result[name] = {what: [round(v, 5) for v in _range(np.array(some))] for what, some in values.items()}
        floor = float(np.mean(found[REAL]["frechet"]))
        result[name]["frechet_over_floor"] = round(float(np.mean(values["frechet"])) / max(floor, 1e-12), 3)
    return result


def _range(values: np.ndarray) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


# --- telling generated from real ---------------------------------------------------------------


def auc(real: np.ndarray, other: np.ndarray) -> float:
    """Chance that a random score of ``other`` lies above one of ``real`` (ties count half), in [0, 1]."""
    scores = np.concatenate([real, other])
    order = np.argsort(scores, kind="stable")
    _, index, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = (np.cumsum(counts) - (counts - 1) / 2)[index]  # ties share their mean rank
    above = ranks[len(real) :].sum() - len(other) * (len(other) + 1) / 2
    return float(above / (len(real) * len(other)))


def auc_interval(real: np.ndarray, other: np.ndarray, images: np.ndarray, seed: int = 0) -> Interval:
    """``auc`` and its 95 % bootstrap interval over images; row i of both scores belongs to image i."""
    keys, index = np.unique(images, return_inverse=True)
    members = [np.flatnonzero(index == i) for i in range(len(keys))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(500):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(keys), len(keys))])
        drawn.append(auc(real[rows], other[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(auc(real, other), float(low), float(high))


def folds_by_image(images: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """``(N,)`` fold of each object, 0 .. folds - 1; all objects of an image in one. ValueError for too few images."""
    keys, index = np.unique(images, return_inverse=True)
    if len(keys) < folds:
        raise ValueError(f"{len(keys)} images cannot be cut into {folds} folds; give more objects.")
    return (np.random.default_rng(seed).permutation(len(keys)) % folds)[index]


def tell_apart(
    real: Silhouettes,
    other: Silhouettes,
    start: Judge | None = None,
    folds: int = 5,
    steps: int = 300,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N,), (N,) of real and other silhouettes, higher: not real, each by a network that saw neither its
    image nor its counterpart.

    Row i of both belongs to the same object. A network of the judge's form learns on the other folds;
    ``start``: a judge whose layers it begins from, for a sharper eye on few samples.
    """
    fold = folds_by_image(real.images, folds, seed)
    scores = np.zeros((2, len(real)))
    for number in range(folds):
        seen, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        pictures = torch.from_numpy(np.concatenate([real.pictures[seen], other.pictures[seen]]))
        labels = torch.cat([torch.zeros(len(seen)), torch.ones(len(seen))])
        network = _train_critic(pictures, labels, start, steps, seed + number)
        with torch.inference_mode():
            for row, some in enumerate((real, other)):
                logits = network(as_input(some.pictures[held])).double().numpy()
                scores[row, held] = logits[:, 1] - logits[:, 0]
        advance()
    return scores[0], scores[1]


def _train_critic(pictures: torch.Tensor, labels: torch.Tensor, start: Judge | None, steps: int, seed: int) -> Judge:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    width = start.config.width if start is not None else JudgeConfig(()).width
    network = Judge(JudgeConfig(("real", "other"), width)).train()
    if start is not None:
        known = {name: value for name, value in start.state_dict().items() if not name.startswith("head")}
        network.load_state_dict(known, strict=False)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(len(labels), (64,), generator=generator)
        logits = network(jitter(as_input(pictures[rows].numpy()), generator, 0.03))
        loss = functional.cross_entropy(logits, labels[rows].long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def over_interval(
    some: tuple[np.ndarray, np.ndarray], others: tuple[np.ndarray, np.ndarray], images: np.ndarray, seed: int = 0
) -> Interval:
    """How much higher the AUC of one system's scores (real, other) is than another's; 95 % bootstrap over images."""
    keys, index = np.unique(images, return_inverse=True)
    members = [np.flatnonzero(index == i) for i in range(len(keys))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(500):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(keys), len(keys))])
        drawn.append(auc(some[0][rows], some[1][rows]) - auc(others[0][rows], others[1][rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(auc(*some) - auc(*others), float(low), float(high))


def realism_report(
    systems: Mapping[str, Silhouettes],
    judge: Judge,
    folds: int = 5,
    steps: int = 300,
    seed: int = 0,
    reference: str | None = None,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Distances and AUC of every system. systems: {name: silhouettes}, row i for the same object; REAL is one.

    reference: the system of random real outlines; the others' AUC over its own is ``over``.
    """
    real = systems[REAL]
    features = {name: features_of(judge, some.pictures) for name, some in systems.items()}
    told = {
        name: tell_apart(real, some, judge, folds, steps, seed, advance)
        for name, some in systems.items()
        if name != REAL
    }
    found: dict[str, Any] = {
        "objects": len(real),
        "images": len(np.unique(real.images)),
        "features": judge.config.features,
        "distances": distances(features, real.images, seed),
        "auc": {name: _rounded(auc_interval(*scores, real.images, seed=seed)) for name, scores in told.items()},
    }
    if reference in told:
        found["over"] = {
            name: _rounded(over_interval(scores, told[reference], real.images, seed))
            for name, scores in told.items()
            if name != reference
        }
    return found


def _rounded(interval: Interval) -> list[float]:
    return [round(value, 4) for value in interval]
