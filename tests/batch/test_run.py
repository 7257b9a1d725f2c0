"""The run of a batch: every task once, failures and killed workers in their place, and the journal that says so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from batch_works import MakeWriting, times_begun

from smartmask.batch.ledger import Ledger, ledger
from smartmask.batch.local import LocalCrew
from smartmask.batch.run import Tally, pending, run_tasks
from smartmask.batch.tasks import Task, check_id, safe_id
from smartmask.errors import BusyError


def tasks_of(kinds: Iterable[object]) -> Iterator[Task]:
    return (Task(f"{number:03d}", what, "a") for number, what in enumerate(kinds))


def go(
    folder: Path, tasks: Iterable[Task], workers: int = 2, tries: int = 2, retry: bool = False, broken: str = ""
) -> tuple[Tally, Ledger]:
    tally = Tally()
    with ledger(folder, "test") as known:
        todo = pending(tasks, known, lambda task: (folder / "made" / task.id).exists(), retry, tally)
        make = MakeWriting(folder, broken)
        run_tasks(todo, lambda size: LocalCrew(make, size), known, tally, workers=workers, tries=tries)
    return tally, known


def failures(folder: Path) -> dict[str, dict[str, object]]:
    file = folder / "failed.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return {row["id"]: row for row in rows}


def test_every_task_is_done_once_and_never_again(tmp_path: Path) -> None:
    tally, _ = go(tmp_path, tasks_of([""] * 9))
    assert (tally.done, tally.failed, tally.already, tally.told["files"]) == (9, 0, 0, 9)
    tally, _ = go(tmp_path, tasks_of([""] * 10))
    assert (tally.done, tally.already) == (1, 9)
    assert [times_begun(tmp_path, f"{number:03d}") for number in range(10)] == [1] * 10
    (tmp_path / "made" / "004").unlink()  # taken away: its line alone is no result
    assert go(tmp_path, [*tasks_of([""] * 10), Task("new", "", "a")])[0].done == 2
    assert go(tmp_path, [Task("new", "", "other")])[0].done == 1, "asked otherwise, it is done anew"


def test_failures_and_killed_workers_stop_nothing_else(tmp_path: Path) -> None:
    tally, _ = go(tmp_path, tasks_of(["", "kills", "fails", "kills once", "", ""]))
    assert (tally.done, tally.failed, tally.died) == (4, 2, 3)
    failed = failures(tmp_path)
    assert set(failed) == {"001", "002"}
    assert failed["002"]["error"] == "The task 002 is bad; give another."
    assert failed["001"]["error"] == (
        "The worker was ended by SIGKILL in the midst of it, 2 times, as happens where memory runs short."
    )
    assert [failed[name]["tries"] for name in ("001", "002")] == [2, 1]
    assert times_begun(tmp_path, "003") == 2
    # without --retry they are left, with it they are tried; what has become good is done
    assert go(tmp_path, tasks_of(["", "kills", "fails"]))[0].left == 2
    tally, _ = go(tmp_path, tasks_of(["", "", ""]), retry=True)
    assert (tally.done, tally.already, tally.failed) == (2, 1, 0)
    assert not (tmp_path / "failed.jsonl").exists()


def test_work_that_cannot_be_made_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="The weights are gone"):
        go(tmp_path, tasks_of(["", ""]), broken="The weights are gone; fetch them.")
    with pytest.raises(RuntimeError, match=r"ended by SIGKILL.* before it could begin, 2 times"):
        go(tmp_path, tasks_of([""]), workers=1, broken="dies")
    assert go(tmp_path, tasks_of([""]))[0].done == 1


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with ledger(tmp_path, "test"), pytest.raises(BusyError, match="Another process works on"), ledger(tmp_path, "test"):
        pass
    with pytest.raises(ValueError, match="another kind of batch"), ledger(tmp_path, "captions"):
        pass


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    one, two = Task("one", "", "a"), Task("two", "", "a")
    with ledger(tmp_path, "test") as known:
        known.add(one, "done", {})
        known.add(two, "failed", {"error": "no"})
    file = tmp_path / "journal.jsonl"
    whole = file.read_bytes()
    for end in range(len(whole.splitlines(keepends=True)[0]), len(whole) + 1):
        file.write_bytes(whole[:end])
        with ledger(tmp_path, "test") as known:
            lines = whole[:end].count(b"\n")
            assert (known.state(one), known.state(two)) == (
                "done" if lines > 1 else "new",
                "failed" if lines > 2 else "new",
            )
            known.add(one, "done", {})
        assert all(json.loads(line) for line in file.read_text().splitlines())
    file.write_bytes(b"x" * 200_000)  # no line ends at all, and longer than what is looked at
    with ledger(tmp_path, "test") as known:
        assert known.state(one) == "new"


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "../a", "a/../b", ".a", "a/.b", "a//b", "a\nb", "a\\b", "-a", "x" * 121, 7, None, "failed.jsonl"],
)
def test_ids_are_paths_within(name: object) -> None:
    with pytest.raises(ValueError, match="Line 3 has the id"):
        check_id(name, "Line 3")
    if isinstance(name, str) and name != "failed.jsonl":
        assert check_id(safe_id(name), "a safe one")


def test_names_of_people_are_good_ids() -> None:
    for name in ("000000000009", "beach/IMG 01 (2)", "Ärger.v2", "a+b=c@d"):
        assert check_id(name, "x") == safe_id(name) == name
