"""Publishing stopped before each of its system calls, one after the other: the earlier result is whole, or the new."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from killed import Killed, check_others, publish, stopped_at, whole

from smartmask.io import locks, swap
from smartmask.io.publish import staging

MINE = {"notes.txt", "layers/mine.txt", "own/a.txt"}


def user_files(out: Path) -> None:
    (out / "own").mkdir(parents=True)
    (out / "layers").mkdir(exist_ok=True)
    for name in MINE:
        (out / name).write_text("mine")


def has_user_files(out: Path) -> bool:
    return all((out / name).is_file() and (out / name).read_text() == "mine" for name in MINE)


def stopped_everywhere(
    root: Path, prepared: Callable[[Path], None], check: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> int:
    """Runs ``publish(out, 2)`` stopped at each call in turn, checks, and publishes once more; how many calls."""
    monkeypatch.setattr(locks, "_lives", lambda process, start: False)  # the stopped process is this one
    for count in range(10_000):
        out = root / str(count) / "out"
        prepared(out)
        try:
            with stopped_at(count):
                publish(out, 2)
        except Killed:
            pass
        else:
            assert whole(out) == 2
            return count
        check(out)
        publish(out, 3)
        assert whole(out) == 3
        check_others(out, MINE if (out / "notes.txt").exists() else None)
    raise AssertionError("it never ends")


@pytest.mark.parametrize("others", [False, True], ids=["alone", "with files of the user"])
def test_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: bool) -> None:
    seen: set[int | None] = set()

    def prepared(out: Path) -> None:
        publish(out, 1)
        if others:
            user_files(out)

    def check(out: Path) -> None:
        seen.add(whole(out))
        assert not others or has_user_files(out)

    calls = stopped_everywhere(tmp_path, prepared, check, monkeypatch)
    assert seen == {1, 2}, "never neither"
    assert calls > 30


@pytest.mark.parametrize("others", [False, True], ids=["alone", "with files of the user"])
def test_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: bool) -> None:
    """Without the exchange there may be no result for a moment; what ``result.json`` says is true even then."""
    monkeypatch.setattr(swap, "_may_exchange", lambda target: False)
    seen: set[int | None] = set()

    def prepared(out: Path) -> None:
        publish(out, 1)
        if others:
            user_files(out)

    def check(out: Path) -> None:
        found = whole(out)
        seen.add(found)
        assert not others or has_user_files(out)
        if found is None:  # the next writer puts the earlier one back, whatever becomes of its own
            with pytest.raises(ZeroDivisionError), staging(out):
                assert 1 / (whole(out) != 1)
            assert whole(out) == 1

    stopped_everywhere(tmp_path, prepared, check, monkeypatch)
    assert seen == {1, None, 2}


def test_the_first_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int | None] = set()
    stopped_everywhere(tmp_path, lambda out: out.parent.mkdir(), lambda out: seen.add(whole(out)), monkeypatch)
    assert seen == {None, 2}


@pytest.mark.parametrize("way", ["exchanged", "moved"])
def test_stopped_again_while_it_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Twice: at each fifth call of the first run, and at each call of the second."""
    if way == "moved":
        monkeypatch.setattr(swap, "_may_exchange", lambda target: False)
    monkeypatch.setattr(locks, "_lives", lambda process, start: False)
    first = 20
    while first < 200:
        for second in range(0, 60, 3):
            out = tmp_path / f"{first}-{second}" / "out"
            publish(out, 1)
            user_files(out)
            try:
                with stopped_at(first):
                    publish(out, 2)
            except Killed:
                pass
            else:
                return
            try:
                with stopped_at(second):
                    publish(out, 3)
            except Killed:
                assert whole(out) in ((1, 2, 3) if way == "exchanged" else (None, 1, 2, 3))
            assert has_user_files(out)
            publish(out, 4)
            assert whole(out) == 4
            check_others(out, MINE)
        first += 5


def test_calls_are_counted(tmp_path: Path) -> None:
    with stopped_at(10_000) as made:
        publish(tmp_path / "out", 1)
    assert made() > 20
    assert os.open.__name__ == "open"
