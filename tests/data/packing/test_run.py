"""Packing in parts: the same bytes whoever works and however often they are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from class_maps import class_maps
from killed import Killed, stopped_at

from smartmask.data.discover import Source, read_all
from smartmask.data.pack import Pack, write_pack
from smartmask.data.packing import local
from smartmask.data.packing.index import INDEX, TAR
from smartmask.data.packing.plan import Recipe
from smartmask.data.packing.run import pack_sources, workers_of
from smartmask.errors import BusyError
from smartmask.io.locks import PREFIX

RECIPE = Recipe(unit=7)


def contents(out: Path) -> dict[str, bytes]:
    """All files of a pack by name."""
    if out.is_file():
        return {out.name: out.read_bytes()}
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.fixture(scope="module")
def undisturbed(sources: list[Source], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The three kinds of output, made by one process in one go."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for name, recipe in KINDS.items():
        pack_sources(sources, recipe, folder / name)
    assert sorted(path.name for path in folder.iterdir()) == sorted(KINDS), "nothing is left beside them"
    return {name: contents(folder / name) for name in KINDS}


KINDS = {"pack.parquet": RECIPE, "pack": RECIPE, "shards": Recipe(TAR, 64, unit=7)}


def test_one_file_is_what_one_writer_makes(sources: list[Source], tmp_path: Path) -> None:
    report, skipped = pack_sources(sources, RECIPE, tmp_path / "new.parquet")
    plain = write_pack(read_all(sources), tmp_path / "plain.parquet")
    assert report == plain
    assert (report.doubles, skipped) == (9, [])
    assert report.scenes == {"coco_instances": 15, "voc": 20}
    assert (tmp_path / "new.parquet").read_bytes() == (tmp_path / "plain.parquet").read_bytes()


def test_a_folder_holds_the_same_scenes(undisturbed: dict[str, Any], sources: list[Source], tmp_path: Path) -> None:
    report, _ = pack_sources(sources, RECIPE, tmp_path / "pack")
    write_pack(read_all(sources), tmp_path / "one.parquet")
    parts, whole = Pack(tmp_path / "pack"), Pack(tmp_path / "one.parquet")
    assert [(r.key, r.source, r.name) for r in parts] == [(r.key, r.source, r.name) for r in whole]
    assert all((a.scene.top() == b.scene.top()).all() for a, b in zip(parts, whole, strict=True))
    index = json.loads((tmp_path / "pack" / INDEX).read_text())
    assert sum(part["scenes"] for part in index["parts"]) == len(whole) == 35
    assert report.size == sum((tmp_path / "pack" / part["file"]).stat().st_size for part in index["parts"])
    assert {part["file"] for part in index["parts"]} | {INDEX} == set(contents(tmp_path / "pack"))
    assert str(tmp_path) not in (tmp_path / "pack" / INDEX).read_text()


@pytest.mark.parametrize("name", ["shards", *(pytest.param(name, marks=pytest.mark.slow) for name in list(KINDS)[:2])])
def test_two_processes_write_the_same_bytes(
    undisturbed: dict[str, Any], sources: list[Source], tmp_path: Path, name: str
) -> None:
    pack_sources(sources, KINDS[name], tmp_path / name, workers_of(2, None))
    assert contents(tmp_path / name) == undisturbed[name]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_is_stopped_anywhere_goes_on_to_the_same_bytes(
    undisturbed: dict[str, Any], sources: list[Source], tmp_path: Path, name: str
) -> None:
    """Stopped again and again before each thirteenth of the calls that change something on the disk, then not."""
    out, stops = tmp_path / name, 0
    for count in range(3, 1000, 13):
        try:
            with stopped_at(count):
                pack_sources(sources, KINDS[name], out)
        except Killed:
            stops += 1
            assert not out.exists() or contents(out) == undisturbed[name], "never a half of it"
        else:
            break
    assert stops >= 3
    assert contents(out) == undisturbed[name]
    left = [path.name for path in tmp_path.iterdir() if not path.name.startswith(PREFIX)]  # this process still lives
    assert left == [name]


@pytest.mark.parametrize("name", ["pack", "shards"])
def test_the_moments_around_the_publishing(
    undisturbed: dict[str, Any], sources: list[Source], tmp_path: Path, name: str
) -> None:
    """Each fifth call of the end, over an earlier pack of other data: whole before, whole after, never redone."""
    out = tmp_path / name
    pack_sources(sources[2:], KINDS[name], out)
    earlier = contents(out)
    with stopped_at(10**6) as made:
        pack_sources(sources, KINDS[name], tmp_path / "count" / name)
    last = made()
    for count in range(last - 26, last + 4, 5):
        with suppress(Killed), stopped_at(count):
            pack_sources(sources, KINDS[name], out)
        assert contents(out) in (earlier, undisturbed[name])
        pack_sources(sources, KINDS[name], out)
        assert contents(out) == undisturbed[name]
        pack_sources(sources[2:], KINDS[name], out)
        assert contents(out) == earlier


def test_what_was_begun_otherwise_is_refused(sources: list[Source], tmp_path: Path) -> None:
    out = tmp_path / "pack.parquet"
    with pytest.raises(Killed), stopped_at(30):
        pack_sources(sources, RECIPE, out)
    for others, recipe in ((sources[1:], RECIPE), (sources, Recipe(unit=8)), (sources, Recipe(max_side=32, unit=7))):
        with pytest.raises(ValueError, match=r"pack\.parquet\.packing holds what was begun of other .* --no-resume"):
            pack_sources(others, recipe, out)
    pack_sources(sources[1:], RECIPE, out, resume=False)
    assert len(Pack(out)) == 35
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("a")
    with pytest.raises(ValueError, match=r"holds other things, such as 'a.txt'"):
        pack_sources(sources, RECIPE, tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "pack.parquet"]


def test_data_that_changed_meanwhile_is_refused(sources: list[Source], tmp_path: Path) -> None:

    maps = class_maps(tmp_path / "voc", 9)
    with pytest.raises(Killed), stopped_at(30):
        pack_sources([("voc", maps)], Recipe(unit=2), tmp_path / "pack.parquet")
    (maps / "new.txt").write_text("one more")
    with pytest.raises(ValueError, match="changed since"):
        pack_sources([("voc", maps)], Recipe(unit=2), tmp_path / "pack.parquet")


def test_bad_pictures_stop_or_are_skipped_later(tmp_path: Path) -> None:

    maps = class_maps(tmp_path / "voc", 9)
    (maps / "SegmentationClass" / "2007_000005.png").write_bytes(b"nonsense")
    out = tmp_path / "pack.parquet"
    with pytest.raises(ValueError, match=r"2007_000005\.png"):
        pack_sources([("voc", maps)], Recipe(unit=2), out)
    assert not out.exists()
    report, skipped = pack_sources([("voc", maps)], Recipe(unit=2, skip_bad=True), out)
    assert report.scenes == {"voc": 8}
    assert len(skipped) == 1
    assert "2007_000005.png" in skipped[0]


def test_nothing_to_pack_and_two_at_once(sources: list[Source], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no class maps"):
        pack_sources([("voc", tmp_path / "empty")], RECIPE, tmp_path / "pack.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]

    def busy(function: Any, items: Any) -> Any:
        with pytest.raises(BusyError, match="Another process"):
            pack_sources(sources, RECIPE, tmp_path / "pack.parquet")
        return local.at_once(function, items)

    pack_sources(sources, RECIPE, tmp_path / "pack.parquet", busy)


def _dies(item: int) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"has died.* the same command goes on"):
        list(local.by_processes(1, _dies, range(9)))


def _forked(run: Callable[[], Any]) -> int:
    """A process that runs it and ends; it has loaded all that this one has, so that a kill hits the work."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        run()
        code = 0
    finally:
        os._exit(code)


def _ended(process: int, seconds: float) -> bool:
    """Whether a process ends by itself, else it is killed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.waitpid(process, os.WNOHANG)[0]:
            return True
        time.sleep(0.001)
    os.kill(process, signal.SIGKILL)
    return os.WIFEXITED(os.waitpid(process, 0)[1])


@pytest.mark.parametrize(
    ("workers", "kills"),
    [(1, 6), pytest.param(1, 90, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
     pytest.param(2, 10, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)  # fmt: skip
def test_killed_at_any_moment(
    undisturbed: dict[str, Any], sources: list[Source], tmp_path: Path, workers: int, kills: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """By SIGKILL; a killed run is followed by another, which is killed, too, until one comes to its end."""
    rng, killed, ends, begun = random.Random(kills), 0, 0, 0
    seconds = 0.0
    while killed < kills or not begun:
        name = list(KINDS)[ends % 3]
        out = tmp_path / name
        work = partial(pack_sources, sources, KINDS[name], out, workers_of(workers, None))
        if not seconds:  # how long it takes, undisturbed
            started = time.monotonic()
            assert _ended(_forked(work), 600)
            seconds = time.monotonic() - started
        elif _ended(_forked(work), rng.uniform(0, 0.9 * seconds)):
            ends += 1
        else:
            killed += 1
            begun += (tmp_path / f"{name}.packing").is_dir()
            assert not out.exists() or contents(out) == undisturbed[name]
            continue
        assert contents(out) == undisturbed[name]
        assert [path.name for path in tmp_path.iterdir()] == [name]
        out.unlink() if out.is_file() else [*map(Path.unlink, out.iterdir()), out.rmdir()]
    work()
    assert contents(out) == undisturbed[name]
    with capsys.disabled():
        print(f"\n{killed} kills of {workers} at work, {begun} of them in the midst of it; {ends} ends")
