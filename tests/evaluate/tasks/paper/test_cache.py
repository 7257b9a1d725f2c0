"""What is kept: found again by all that it depends on, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smartmask.evaluate.tasks.paper.cache import Cache, digest_of


def test_everything_is_made_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture, numbers = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8), rng.standard_normal((3, 2))
    first = Cache(tmp_path / "cache")
    for cache in (first, Cache(tmp_path / "cache")):
        np.testing.assert_array_equal(cache.picture(["p", 1], lambda: picture), picture)
        np.testing.assert_array_equal(cache.array(["a", 1], lambda: numbers), numbers)
        assert cache.record(["r", 1], lambda: {"mask": [1, 2]}) == {"mask": [1, 2]}
    assert (first.made, first.found) == (3, 0)
    assert (cache.made, cache.found) == (0, 3)
    assert cache.record(["r", 2], lambda: {"other": True}) == {"other": True}


def test_nothing_is_kept_of_what_fails(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")

    def fails() -> dict[str, int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.record(["x"], fails)
    assert cache.record(["x"], lambda: {"made": 1}) == {"made": 1}
    assert [path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [".json"]


def test_without_a_folder_nothing_is_kept() -> None:
    cache = Cache(None)
    assert [cache.record(["x"], lambda: {"n": 1}) for _ in range(2)] == [{"n": 1}] * 2
    assert (cache.made, cache.found) == (2, 0)


def test_digests_tell_arrays_apart() -> None:
    one = np.zeros((2, 3), np.uint8)
    assert digest_of(one) == digest_of(one.copy())
    assert len({digest_of(one), digest_of(one.T), digest_of(one.astype(bool)), digest_of(one + 1)}) == 4
