"""One module opens what a path names for reading: io/reading.py. Every other way to read a file is looked for here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "smartmask"
READER = "io/reading.py"

# calls that read what a path names, by the last part of their name
READS = {
    "read_text", "read_bytes", "imread", "imreadmulti", "fromfile", "memmap", "genfromtxt", "loadtxt", "load_file",
    "safe_open", "read_parquet", "read_table", "ParquetFile", "ParquetDataset", "read_csv", "open_memmap", "mmap",
    "VideoCapture",
}  # fmt: skip
# the same where the last part alone says too little: (module or object, function)
PAIRS = {
    ("np", "load"), ("numpy", "load"), ("torch", "load"), ("json", "load"), ("json", "loads"), ("pickle", "load"),
    ("pickle", "loads"), ("os", "open"), ("os", "fdopen"), ("io", "open"), ("codecs", "open"), ("gzip", "open"),
    ("zipfile", "ZipFile"), ("tarfile", "open"), ("ET", "parse"), ("tomllib", "load"), ("yaml", "load"),
}  # fmt: skip
OURS = {"smartmask.io.reading"}  # imported from here, such a name is the reader's own

_OWN = "publishing's locks, journals and earlier results, never a user's file"
# where else files are read, and why
ALLOWED = {
    ("image/files.py", "Image.open"): "decodes a handle of open_picture",
    ("image/photo.py", "Image.open"): "decodes a handle of open_picture",
    ("evaluate/tasks/exactness/photos.py", "Image.open"): "decodes bytes that the reader gave",
    ("io/json_text.py", "json.loads"): "what the reader has read",
    **{("export/archive.py", call): "an archive that is written" for call in ("zipfile.ZipFile", "_zip.open")},
    ("studio/client.py", "json.load"): "answers of a service",
    ("studio/client.py", "json.loads"): "the same",
    ("studio/server.py", "webbrowser.open"): "opens an address in a browser",
    **{("io/locks.py", call): _OWN for call in ("open", "os.open")},
    **{("io/publish.py", call): _OWN for call in ("open",)},
    ("cli/main.py", "os.open"): "/dev/null, to be written to",
    ("__main__.py", "os.open"): "the null device, for what a full stream still holds",
    ("io/journal.py", "os.open"): "a journal of ours, to add to; what it holds is read by the reader",
    ("io/flush.py", "os.open"): "brings to the disk what was written, and reads nothing",
    **{("io/swap.py", call): _OWN for call in ("json.loads", "plan.read_bytes", "?.read_bytes")},
}
# libraries that read folders of their own form; the folders are checked before (io/hub.py) or after
LOADERS = {
    "io/diffusion.py": "Stable Diffusion's U-Net, VAE, CLIP text model and tokenizer",
    "insertion/stable_diffusion/adapters.py": "LoRAs and IP-Adapters of diffusers, and their image encoders",
    "insertion/stable_diffusion/load.py": "pipelines and ControlNets of diffusers",
    "insertion/editors.py": "pipelines of diffusers that edit by instruction",
    "metrics/pretrained.py": "CLIP, DINO and SAM, for measuring alone",
    "plan/planners/vision_models.py": "vision-language models, their processors and adapters",
    "scene/segment.py": "panoptic models and their processors",
}
# classes of this package whose from_pretrained reads by io/reading.py
OWN = {
    "TextEncoder", "SmartMaskPipeline", "SmartBrushPipeline", "DiffusionInpainter", "BlendedInpainter",
    "RePaintInpainter", "LayoutPainter", "LearnedPlanner", "VisionPlanner", "VisionLanguagePlanner", "ImageFeatures",
    "ClipScore", "SmartMaskLatentModel", "BoxSegmenter", "PicturePainter",
    "Captioner", "InstructionEditor",
}  # fmt: skip


def files() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).as_posix() != READER)


def names_of(node: ast.expr) -> tuple[str, str]:
    """(what stands before the last dot, the last part) of what is called."""
    if isinstance(node, ast.Name):
        return "", node.id
    if isinstance(node, ast.Attribute):
        return (names_of(node.value)[1] if isinstance(node.value, (ast.Name, ast.Attribute)) else "?"), node.attr
    return "", ""


def writes(call: ast.Call, position: int) -> bool:
    """Whether a call of ``open`` names a mode that only writes."""
    mode = next((k.value for k in call.keywords if k.arg == "mode"), None)
    mode = mode or (call.args[position] if len(call.args) > position else None)
    return (
        isinstance(mode, ast.Constant)
        and isinstance(mode.value, str)
        and mode.value[0] in "wxa"
        and "+" not in mode.value
    )


def reads_in(source: str) -> list[tuple[int, str]]:
    """``(line, call)`` of each call that reads a file, but for those of ``from_pretrained``."""
    tree = ast.parse(source)
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module in OURS
        for alias in node.names
    }  # fmt: skip
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        before, last = names_of(node.func)
        if not before and last in ours:
            continue
        opens = (last == "open" and not before and not writes(node, 1)) or (
            last == "open" and before not in ("", "os", "io") and (before, last) not in PAIRS and not writes(node, 0)
        )
        if opens or last in READS or (before, last) in PAIRS:
            found.append((node.lineno, f"{before}.{last}" if before else last))
    return found


def test_no_other_module_opens_a_path_for_reading() -> None:
    strays = []
    for path in files():
        name = path.relative_to(SOURCE).as_posix()
        strays += [
            f"{name}:{line}: {call}"
            for line, call in reads_in(path.read_text(encoding="utf-8"))
            if (name, call) not in ALLOWED
        ]
    assert not strays, "read files by smartmask.io.reading:\n" + "\n".join(strays)


def test_libraries_load_in_these_modules_alone() -> None:
    strays, used = [], set()
    for path in files():
        name = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "from_pretrained"
            ):
                owner = names_of(node.func)[0]
                if owner in OWN or (owner == "cls"):
                    continue
                used.add(name)
                if name not in LOADERS:
                    strays.append(f"{name}:{node.lineno}: {owner}.from_pretrained")
    assert not strays, strays
    assert used == set(LOADERS), f"no longer needed: {set(LOADERS) - used}"


def test_the_tables_hold_nothing_that_is_gone() -> None:
    for name, call in ALLOWED:
        assert call in {found for _, found in reads_in((SOURCE / name).read_text(encoding="utf-8"))}


@pytest.mark.parametrize(
    "code",
    ["open(path)", "open(path, 'rb')", "path.open()", "path.open('r+b')", "path.read_text()", "np.load(path)",
     "Image.open(path)", "cv2.imread(path)", "json.load(handle)", "load_file(path)", "os.open(path, 0)",
     "pq.read_table(path)", "np.fromfile(path)", "io.open(path)", "open(path, mode)"],
)  # fmt: skip
def test_it_finds_what_reads(code: str) -> None:
    assert reads_in(code)


@pytest.mark.parametrize(
    "code", ["open(path, 'wb')", "open(path, mode='x')", "path.open('w')", "save_file(t, path)",
             "from smartmask.io.reading import read_text\nread_text(path)"]
)  # fmt: skip
def test_it_lets_writing_and_the_reader_be(code: str) -> None:
    assert not reads_in(code)
