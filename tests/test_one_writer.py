"""One module writes to a user's path: no other code opens, makes, moves or removes a file or folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "smartmask"
WRITERS = {
    "io/publish.py",
    "io/swap.py",
    "io/locks.py",
    "io/flush.py",
    "io/journal.py",
}  # publish.py, and what it is made of

# Calls of os, of shutil (all but those that only look), and methods of paths.
OS = {"rename", "renames", "replace", "unlink", "remove", "rmdir", "removedirs", "mkdir", "makedirs", "mkfifo", "link",
      "symlink", "truncate", "ftruncate", "chmod", "chown", "utime", "open", "write", "mknod", "setxattr"}  # fmt: skip
LOOKS = {"disk_usage", "which", "get_terminal_size"}
METHODS = {"mkdir", "unlink", "rename", "write_text", "write_bytes", "touch", "rmdir", "symlink_to", "hardlink_to",
           "chmod", "tofile", "savefig", "to_csv", "to_parquet"}  # fmt: skip
# Functions of libraries that write, and which of their arguments says where: an open file of ours, by these names.
LIBRARY = {"savez": 0, "savez_compressed": 0, "ParquetWriter": 0, "write_table": 1, "dump": 1, "savetxt": 0}
HANDLES = {"handle", "stream", "file", "heard"}
# They take a name: only save_tensors may call them.
BY_NAME = {"save_file", "imwrite", "memmap", "open_memmap", "urlretrieve"}

# (module, what it calls): why that is no user's path, or goes through the publisher.
EXCEPTIONS = {
    ("batch/sources.py", "TemporaryDirectory"): "files of an archive, for one call; the system's own, gone at the end",
    ("evaluate/systems.py", "TemporaryDirectory"): "a folder of the system's own, gone at the end",
    ("evaluate/tasks/exactness/main.py", "TemporaryDirectory"): "the same",
    ("evaluate/tasks/machines.py", "TemporaryDirectory"): "the same",
    ("evaluate/tasks/speed.py", "TemporaryDirectory"): "the same",
    ("evaluate/tasks/speed.py", "TemporaryFile"): "the words of a child process, without a name",
    ("studio/app.py", "TemporaryDirectory"): "sessions' folders, gone when the service ends",
    ("studio/sessions.py", "open"): "a file of a session's own folder, under a name of the service's",
    ("export/archive.py", "open"): "an entry of an archive, into an open file",
    ("insertion/export_job.py", "TemporaryDirectory"): "the same",
    ("train/vocabulary/build.py", "save_pretrained"): "TextEncoder's own",
    ("train/tasks/inpaint.py", "save_pretrained"): "SmartBrushPipeline's own",
    ("masks/load.py", "save_pretrained"): "SmartMaskLatentModel's own",
    ("cli/main.py", "open"): "/dev/null",
    ("__main__.py", "open"): "the null device, for what a full stream still holds",
    ("io/reading.py", "open"): "opens for reading alone",
}
# Objects of ours whose ``save`` goes through the publisher: what it is called on.
OWN_SAVES = {"photo", "Photo", "strokes", "places", "Places", "checkpoint", "task", "self", "files"}


def name_of(node: ast.expr) -> str:
    """The last name of what is called or named: ``a.b(c).d`` is d."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def mode_of(call: ast.Call, at: int) -> str:
    """The mode of an ``open``, "?" if only the run tells."""
    given = [word.value for word in call.keywords if word.arg == "mode"] + call.args[at : at + 1]
    if not given:
        return "r"
    return str(given[0].value) if isinstance(given[0], ast.Constant) else "?"


def handed(call: ast.Call, at: int) -> bool:
    """Whether an argument is an open file by its name."""
    return len(call.args) > at and name_of(call.args[at]) in HANDLES


def written(call: ast.Call) -> str | None:
    """What a call writes with, None if it writes nothing by name."""
    name = name_of(call.func)
    owner = name_of(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if owner == "os":
        return name if name in OS else None
    if owner == "shutil":
        return None if name in LOOKS else name
    if owner == "tempfile" or name in ("TemporaryDirectory", "TemporaryFile", "NamedTemporaryFile", "mkdtemp"):
        return name
    if name in ("open", "fdopen") and owner not in ("Image", "webbrowser"):
        is_method = owner not in ("", "io", "os", "gzip", "bz2", "lzma", "codecs")
        return name if set(mode_of(call, 0 if is_method else 1)) & set("wax+?") else None
    if name in METHODS and isinstance(call.func, ast.Attribute):
        return name
    if name == "replace" and owner and len(call.args) == 1 and not call.keywords:  # of a path; texts take two
        return name
    if name in BY_NAME:
        return name
    if name in LIBRARY or (name == "save" and owner in ("np", "torch", "numpy")):
        at = 1 if owner == "torch" else LIBRARY.get(name, 0)
        return None if len(call.args) <= at or handed(call, at) else name
    if name == "save" and isinstance(call.func, ast.Attribute) and call.args:
        return None if handed(call, 0) or owner in OWN_SAVES else name
    if name == "save_pretrained":
        names = [part.id for part in ast.walk(call) if isinstance(part, ast.Name)]
        return None if "partial" in names else name  # a folder that is being staged
    return None


def writes(code: str) -> Iterator[tuple[str, int]]:
    """(what writes, line) of all calls of a module."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and (found := written(node)) is not None:
            yield found, node.lineno


def test_no_other_module_writes() -> None:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        if module not in WRITERS:
            for what, line in writes(path.read_text(encoding="utf-8")):
                found[module, what] = line
    strange = {f"{module}:{line} {what}" for (module, what), line in found.items() if (module, what) not in EXCEPTIONS}
    assert strange == set(), "publish.py writes: replacing, replacing_folder, staging, save_json, save_text, ..."
    assert set(EXCEPTIONS) <= set(found), "an exception that nothing needs"


@pytest.mark.parametrize(
    "code",
    [
        "open(path, 'w')", "open(path, mode='ab')", "path.open('x')", "path.open(mode)", "io.open(path, 'r+b')",
        "os.replace(a, b)", "os.open(path, flags)", "shutil.rmtree(path)", "shutil.copy(a, b)", "path.write_text('a')",
        "(folder / name).write_bytes(b'')", "path.mkdir(parents=True)", "path.unlink()", "path.rename(other)",
        "path.replace(other)", "path.touch()", "image.save(path)", "Image.fromarray(a).save(folder / 'a.png', 'PNG')",
        "np.save(path, a)", "np.savez(path, a=a)", "torch.save(a, path)", "save_file(tensors, path)",
        "safetensors.torch.save_file(tensors, path)", "pq.write_table(table, path)", "pq.ParquetWriter(path, schema)",
        "model.save_pretrained(folder)", "cv2.imwrite(path, a)", "json.dump(a, open(path))", "a.tofile(path)",
        "tempfile.mkdtemp()", "frame.to_csv(path)",
    ],
)  # fmt: skip
def test_every_way_to_write_is_seen(code: str) -> None:
    assert [line for _, line in writes(code)] == [1]


@pytest.mark.parametrize(
    "code",
    ["open(path)", "open(path, 'rb')", "path.open('rb')", "text.replace('a', 'b')", "replace(item, name='a')",
     "image.save(handle, 'PNG')", "np.savez(handle, a=a)", "os.path.join(a, b)", "shutil.disk_usage(path)",
     "photo.save(path)", "unet.save_pretrained(partial / 'unet')", "Image.open(path)", "dataclasses.replace(a, b=1)"],
)  # fmt: skip
def test_what_only_reads_is_let_be(code: str) -> None:
    assert list(writes(code)) == []
