"""Publishing: whole or not at all, nobody else's file in the way or over, one writer at a time, no leftovers."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smartmask.errors import BusyError, WriteError
from smartmask.io import locks, swap
from smartmask.io.inputs import also_reads, reading
from smartmask.io.publish import (
    RESULT,
    output_file,
    output_folder,
    remove_folder,
    replacing,
    replacing_folder,
    save_json,
    save_tensors,
    save_text,
    staging,
)

Files = dict[str, str]


def tree(folder: Path) -> Files:
    """The contents of all files below a folder, links as what they say."""
    return {
        path.relative_to(folder).as_posix(): f"-> {os.readlink(path)}" if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def publish(out: Path, files: Files) -> Files:
    """Publishes these files and a ``result.json`` that lists them; all that should then be there."""
    with staging(out) as folder:
        for name, text in files.items():
            save_text(text, folder / name)
        save_json({"files": sorted(files)}, folder / RESULT)
        whole = tree(folder)
    return whole


FIRST = {"mask_00.png": "1", "layers/00_dog.png": "1", "layers/01_cat.png": "1"}
SECOND = {"mask_00.png": "2", "layers/00_cow.png": "2", "steps/a.json": "2"}


@pytest.fixture(params=["exchanged", "moved"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of changing places."""
    if request.param == "moved":
        monkeypatch.setattr(swap, "_may_exchange", lambda target: False)
    return str(request.param)


# --- what stays and what goes -------------------------------------------------------------------------


def test_the_new_result_replaces_the_whole_earlier_one(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    publish(out, FIRST)
    (out / "notes.txt").write_text("mine")
    (out / "layers" / "mine.txt").write_text("mine")
    (out / "own" / "empty").mkdir(parents=True)
    (out / "own" / "a.txt").write_text("mine")
    (out / "link").symlink_to("/elsewhere")
    before = (out / "notes.txt").stat()
    second = publish(out, SECOND)
    mine = {"notes.txt": "mine", "layers/mine.txt": "mine", "own/a.txt": "mine", "link": "-> /elsewhere"}
    assert tree(out) == second | mine
    after = (out / "notes.txt").stat()
    assert (after.st_ino, after.st_nlink) == (before.st_ino, 1), "the file itself stays, not a copy"
    assert (out / "own" / "empty").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_folder_keeps_its_rights(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    publish(out, FIRST)
    out.chmod(0o2750)
    publish(out, SECOND)
    assert out.stat().st_mode & 0o7777 == 0o2750


def test_where_the_caller_stands_stays_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, FIRST)
    monkeypatch.chdir(tmp_path)
    identity = tmp_path.stat().st_ino
    assert tree(Path()) != publish(Path(), SECOND) == tree(Path())
    assert Path().stat().st_ino == identity, "a shell that stands there still does"


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path, way: str) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    publish(tmp_path / "out", FIRST)
    second = publish(tmp_path / "out", SECOND)
    assert os.readlink(tmp_path / "out") == "disk"
    assert tree(tmp_path / "disk") == second
    (tmp_path / "later").symlink_to(tmp_path / "not yet" / "there")
    assert publish(tmp_path / "later", FIRST) == tree(tmp_path / "not yet" / "there")


def test_adding_to_a_result(tmp_path: Path, way: str) -> None:
    first = publish(tmp_path / "out", FIRST)
    with staging(tmp_path / "out", adding=True) as folder:
        save_text("more", folder / "picture.png")
    assert tree(tmp_path / "out") == first | {"picture.png": "more"}


def test_a_file_that_changes_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Editors write beside and rename; also what comes between the links and the exchange stays."""
    out = tmp_path / "out"
    publish(out, FIRST)
    (out / "notes.txt").write_text("old")
    exchange = swap.exchange

    def late(one: Path, other: Path) -> None:
        (out / "beside").write_text("new")
        os.replace(out / "beside", out / "notes.txt")
        (out / "late.txt").write_text("late")
        exchange(one, other)

    monkeypatch.setattr(swap, "exchange", late)
    second = publish(out, SECOND)
    assert tree(out) == second | {"notes.txt": "new", "late.txt": "late"}


# --- in the way ---------------------------------------------------------------------------------------


def make_folder(path: Path) -> None:
    path.mkdir()


def make_file(path: Path) -> None:
    path.write_text("mine")


def make_link(path: Path) -> None:
    outside = path.parent.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "00_dog.png").write_text("mine")
    path.symlink_to(outside if path.name == "layers" else outside / "00_dog.png")


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("mask_00.png", make_folder, "a folder"), ("result.json", make_folder, "a folder"),
        ("layers", make_file, "a file"), ("layers", make_link, "a link"), ("mask_00.png", make_link, "a link"),
        ("result.json", make_link, "a link"), ("result.json", make_pipe, "no regular file"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_told_before_the_work(
    tmp_path: Path, name: str, make: Callable[[Path], None], told: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    make(out / name)
    told = f"'{out / name}' is {told} and in the way of the result; move it away"
    with pytest.raises(ValueError, match=told), staging(out):
        raise AssertionError("found before the work")
    assert [path.name for path in out.iterdir()] == [name]


def test_what_comes_in_the_way_during_the_work(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = publish(out, FIRST)

    def work() -> None:
        with staging(out) as folder:
            save_text("2", folder / "steps" / "a.json")
            (out / "steps").write_text("mine")

    with pytest.raises(ValueError, match="steps' is a file and in the way"):
        work()
    assert tree(out) == first | {"steps": "mine"}


def test_names_of_an_earlier_result_lead_nowhere_else(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    (out / "real").mkdir(parents=True)
    (out / "linked").symlink_to("real")
    (out / "real" / "a.png").write_text("mine")
    (tmp_path / "b.png").write_text("mine")
    names = ["../b.png", str(tmp_path / "b.png"), "linked/a.png", "real/../real/a.png", "", ".", 7, "a\0b"]
    (out / RESULT).write_text(json.dumps({"files": names, "image": "real/a.png"}))
    publish(out, {"mask_00.png": "2"})
    assert (out / "real" / "a.png").read_text() == "mine"
    assert (tmp_path / "b.png").read_text() == "mine"


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", "null", "[]", '{"files": 3}'])
def test_a_damaged_result_is_replaced(tmp_path: Path, way: str, text: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / RESULT).write_bytes(text.encode("latin-1"))
    assert publish(tmp_path / "out", FIRST) == tree(tmp_path / "out")


# --- inputs ------------------------------------------------------------------------------------------


def hard_link(source: Path, goal: Path) -> Path:
    os.link(source, goal)
    return goal


def soft_link(source: Path, goal: Path) -> Path:
    goal.symlink_to(source)
    return goal


@pytest.mark.parametrize("name", [*FIRST, RESULT])
@pytest.mark.parametrize(
    "other",
    [lambda source, goal: source, lambda source, goal: source.parent / "." / source.name, hard_link, soft_link],
    ids=["itself", "spelled otherwise", "hard link", "link"],
)
def test_no_input_is_written_over(tmp_path: Path, name: str, other: Callable[[Path, Path], Path]) -> None:
    out = tmp_path / "out"
    first = publish(out, FIRST)
    given = other(out / name, tmp_path / "given")
    told = f"{name}' would be .* the photo '{given}'; give"
    with reading({"photo": [given]}), pytest.raises(ValueError, match=told), staging(out):
        raise AssertionError("found before the work")
    assert tree(out) == first


def test_an_input_by_its_descriptor(tmp_path: Path) -> None:
    publish(tmp_path / "out", FIRST)
    told = "that is the mask '/proc/self/fd"
    with (
        (tmp_path / "out" / "mask_00.png").open() as handle,
        reading({"mask": [f"/proc/self/fd/{handle.fileno()}"]}),
        pytest.raises(ValueError, match=told),
        staging(tmp_path / "out"),
    ):
        raise AssertionError("found before the work")


def test_an_input_of_a_name_that_nobody_knew(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sheet.png").write_text("mine")
    inputs = {"photo": [tmp_path / "out" / "sheet.png"]}
    with reading(inputs), pytest.raises(ValueError, match="the photo"), staging(tmp_path / "out") as folder:
        save_text("new", folder / "sheet.png")
    assert tree(tmp_path / "out") == {"sheet.png": "mine"}


def test_an_input_folder_is_no_output(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    with replacing_folder(weights) as folder:
        save_json({}, folder / "config.json")
    with reading({"weights": [weights]}):
        with pytest.raises(ValueError, match="is the weights"), staging(weights):
            pass
        with pytest.raises(ValueError, match="is the weights"), replacing_folder(weights):
            pass
        publish(weights / "report", FIRST)
        publish(weights / "report", SECOND)  # an earlier result beside what is read is none of that


def test_files_that_are_inputs(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("mine")
    with reading({}):
        also_reads(tmp_path / "a.png", "mask of objects[0]")
        with pytest.raises(ValueError, match="is the mask of objects"):
            output_file(tmp_path / "a.png", ".png")
        with pytest.raises(ValueError, match="is the mask of objects"):
            save_text("new", tmp_path / "a.png")
    assert tree(tmp_path) == {"a.png": "mine"}
    save_text("new", tmp_path / "a.png")  # outside the call


# --- two writers, and what the dead have left -----------------------------------------------------------

WRITER = """
import sys, time
from pathlib import Path
from smartmask.io.publish import replacing, replacing_folder, staging
with {how} as place:
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer() -> Iterator[Callable[[str, Path], subprocess.Popen[str]]]:
    """Starts a process that has begun to write to a path."""
    started: list[subprocess.Popen[str]] = []

    def start(how: str, path: Path) -> subprocess.Popen[str]:
        code = WRITER.format(how=how.replace("PATH", repr(str(path))))
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_writer_is_told_at_once(tmp_path: Path, writer: Callable[[str, Path], subprocess.Popen]) -> None:
    out = tmp_path / "out"
    first = publish(out, FIRST)
    process = writer("staging(PATH)", out)
    with pytest.raises(BusyError, match=f"Another process is writing to the folder '{out}'; wait"), staging(out):
        pass
    process.kill()  # the kernel frees its lock
    process.wait()
    assert tree(out) == first
    assert len(list(out.glob(".smartmask-*"))) == 1
    second = publish(out, SECOND)
    assert tree(out) == second


def test_threads_exclude_each_other_too(tmp_path: Path) -> None:
    caught: list[Exception] = []

    def other() -> None:
        try:
            with staging(tmp_path / "out"):
                pass
        except BusyError as error:
            caught.append(error)

    with staging(tmp_path / "out"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("how", "use"),
    [
        ("staging(PATH + '/out')", lambda folder: publish(folder / "out", FIRST)),
        ("replacing(PATH + '/a.json')", lambda folder: output_folder(folder)),
        ("replacing(PATH + '/a.png')", lambda folder: output_file(folder / "a.png", ".png")),
        ("replacing_folder(PATH + '/weights')", lambda folder: remade(folder / "weights")),
    ],
    ids=["staging", "folder", "file", "whole"],
)
def test_only_leftovers_of_the_dead_go(
    tmp_path: Path, writer: Callable[[str, Path], subprocess.Popen], how: str, use: Callable[[Path], object]
) -> None:
    process = writer(how, tmp_path)
    hidden = list(tmp_path.rglob(".smartmask-*"))
    assert len(hidden) == 1
    assert not locks.is_dead(hidden[0])
    locks.sweep(hidden[0].parent)
    assert hidden[0].exists()
    process.kill()
    process.wait()
    use(tmp_path)
    assert list(tmp_path.rglob(".smartmask-*")) == []


def remade(folder: Path) -> None:
    with replacing_folder(folder) as partial:
        save_json({}, partial / "config.json")


def test_a_process_of_another_container_lives_while_it_holds_the_lock(tmp_path: Path) -> None:
    foreign = tmp_path / ".smartmask-4194304x1-00000000"  # no process of this number is to be seen
    foreign.mkdir()
    file = os.open(foreign, os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_EX)
    assert not locks.is_dead(foreign)
    os.close(file)
    assert locks.is_dead(foreign)
    reused = tmp_path / f".smartmask-{os.getpid()}x1-00000000"  # our number, but another start
    reused.mkdir()
    assert locks.is_dead(reused)
    assert not locks.is_dead(tmp_path / ".smartmask-other")


# --- places that cannot be -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "told"),
    [("", "name is ''"), ("/", "'/' is the root"), ("a\0b", "name is 'a\\\\x00b'"), ("x" * 300, "File name too long"),
     ("/proc/out", "Cannot write"), ("/dev/null/out", "Not a directory"), ("/dev/null", "is a file"),
     ("loop", "Too many levels")],
)  # fmt: skip
def test_a_place_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, told: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    for use in (staging, replacing_folder):
        with pytest.raises(ValueError, match=told) as caught, use(path):
            pass
        assert str(caught.value).count(". ") == 0
    assert [found.name for found in tmp_path.iterdir()] == ["loop"]


def test_a_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    (tmp_path / "own").mkdir()
    code = (
        "import os, sys\nfrom smartmask.io.publish import staging\nfrom smartmask.io.publish import output_folder\n"
        "os.setuid(65534) if not os.getuid() else None\n"
        "for use in (staging, output_folder):\n"
        "    try:\n        made = use(sys.argv[1])\n        made.__enter__() if use is staging else None\n"
        "    except ValueError as error:\n        print(error)\n"
    )
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "shut")], capture_output=True, text=True)
    told = f"Cannot write to the output folder '{tmp_path / 'shut'}' (Permission denied); choose another one.\n"
    assert done.stdout == 2 * told, done.stderr


def test_names_that_are_not_unicode(tmp_path: Path, way: str) -> None:
    out = tmp_path / os.fsdecode(b"out\xff")
    publish(out, FIRST)
    assert publish(out, {os.fsdecode(b"mask\xfe.png"): "x"}).keys() == tree(out).keys()
    publish(out, SECOND)
    assert sorted(tree(out)) == sorted([*SECOND, RESULT])


# --- no room -------------------------------------------------------------------------------------------


@pytest.fixture
def small_files() -> Iterator[None]:
    """Files may have 100,000 bytes at most."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, former)


def test_a_file_that_is_too_large(tmp_path: Path, small_files: None) -> None:
    out = tmp_path / "out"
    first = publish(out, FIRST)
    with pytest.raises(WriteError) as caught:
        publish(out, {"mask_00.png": "2", "layers/big.png": "x" * 200_000})
    told = f"'{out}/layers/big.png' cannot be written: the file would be larger than this process may write; at least "
    assert str(caught.value).startswith(told + "200,000 bytes were needed, and ")
    with pytest.raises(WriteError, match=r"a\.txt' cannot be written: .* at least 200,000 bytes were needed"):
        save_text("x" * 200_000, tmp_path / "a.txt")
    with pytest.raises(WriteError, match=r"a\.bin' cannot be written"), replacing(tmp_path / "a.bin") as handle:
        handle.writelines([b"x" * 1000] * 200)
    assert tree(tmp_path) == {f"out/{name}": text for name, text in first.items()}


def test_a_library_that_writes_too_much(tmp_path: Path, small_files: None) -> None:
    import numpy as np

    told = "weights' cannot be written: the file would be larger"
    with pytest.raises(WriteError, match=told), replacing_folder(tmp_path / "weights") as folder:
        save_tensors({"a": np.zeros(100_000)}, folder / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_when_all_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, number: int) -> None:
    """Some file systems tell only then."""
    first = publish(tmp_path / "out", FIRST)

    def full(file: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"out' cannot be written: (no space|the disk quota)"):
        publish(tmp_path / "out", SECOND)
    assert tree(tmp_path / "out") == first


def test_a_full_disk(tmp_path: Path) -> None:
    """A file system of 1 MiB, in a name space of its own, where that may be made."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_publish import FIRST, Path, WriteError, publish, tree
out = Path({str(tmp_path)!r}) / "out"
first = publish(out, FIRST)
try:
    publish(out, {{"mask_00.png": "x" * 300_000, "mask_01.png": "y" * 900_000}})
except WriteError as error:
    print(error)
assert tree(out) == first
assert publish(out, {{"mask_00.png": "z" * 100_000}}) == tree(out)
"""
    mount = f"mount -t tmpfs -o size=1m tmpfs '{tmp_path}' && exec '{sys.executable}' -c \"$CODE\""
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", mount], capture_output=True, text=True, env=os.environ | {"CODE": code}
    ) if shutil.which("unshare") else None  # fmt: skip
    if done is None or "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no file system can be mounted here")
    told = f"'{tmp_path}/out/mask_01.png' cannot be written: no space is left on the disk; at least 900,000 bytes"
    assert done.stdout.startswith(told), done.stderr


# --- folders that are one thing, and files ---------------------------------------------------------------


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool) -> None:
    if not can_exchange:
        monkeypatch.setattr(swap, "_renameat2", lambda: None)
    for text in ("1", "2"):
        with replacing_folder(tmp_path / "weights") as folder:
            save_json({}, folder / "config.json")
            save_text(text, folder / f"{text}.txt")
            with replacing_folder(folder / "part") as part:  # within a staged folder
                save_text(text, part / "a.txt")
    assert tree(tmp_path) == {"weights/config.json": "{}\n", "weights/2.txt": "2", "weights/part/a.txt": "2"}
    remove_folder(tmp_path / "weights")
    assert list(tmp_path.iterdir()) == []


def test_a_moved_folder_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the exchange there is a moment between two moves; whoever comes next puts the folder back."""
    monkeypatch.setattr(swap, "_renameat2", lambda: None)
    remade(tmp_path / "weights")
    before = tree(tmp_path)
    move = os.rename

    def stopped(source: Path, goal: Path) -> None:
        if goal == tmp_path / "weights":
            raise KeyboardInterrupt
        move(source, goal)

    monkeypatch.setattr(os, "rename", stopped)
    with pytest.raises(KeyboardInterrupt):
        remade(tmp_path / "weights")
    monkeypatch.setattr(os, "rename", move)
    assert not (tmp_path / "weights").exists()
    found: list[Files] = []
    with pytest.raises(ZeroDivisionError), replacing_folder(tmp_path / "weights"):
        found.append(tree(tmp_path)) or 1 / 0
    assert tree(tmp_path) == found[0] == before


def test_a_file_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_text("old")
    (tmp_path / "a.png").symlink_to("real.png")
    save_text("new", output_file(tmp_path / "a.png", ".png"))
    assert tree(tmp_path) == {"a.png": "-> real.png", "real.png": "new"}


def test_something_else_where_a_file_is_to_be(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(ValueError, match=r"a\.json' is no file"):
        save_json({}, tmp_path / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
