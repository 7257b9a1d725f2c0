"""Where a batch's pictures and scenes come from: a manifest, a folder, tar shards or packs, one item after the other.

Nothing is held but ids: items are made as they are asked for, and photos and scenes are read by workers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smartmask.batch.requests import read_request
from smartmask.batch.tasks import check_id, safe_id
from smartmask.io.json_text import parse_json
from smartmask.io.publish import save_bytes
from smartmask.io.reading import lines_of
from smartmask.io.sentences import few_of
from smartmask.io.tar import TarMember, open_member, tar_members

PHOTOS = ("jpg", "jpeg", "png", "webp")
# what stands after the first point of a file's name: the setting that it gives, but for photos and the request
PARTS = {
    "layout.png": "layout", "names.json": "names", "panoptic.json": "panoptic", "scene.json": "scene",
    "mask.png": "mask", "scribble.png": "scribble", "like.png": "like", "json": "request",
} | dict.fromkeys(PHOTOS, "image")  # fmt: skip
SCENE = "scene.json"


@dataclass(frozen=True)
class Item:
    """One picture or scene to make masks for.

    settings: of ``smartmask masks``, files by their paths.  files: {setting: path}, or in an archive {setting: member}.
    archive: the tar file.  pack, index: a scene of a pack.
    """

    id: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    archive: str | None = None
    pack: str | None = None
    index: int = 0


def items_of(source: Path) -> Iterator[Item]:
    """The items of a source, in an order that stays.

    source: a ``.jsonl`` manifest, a ``.tar`` or ``.parquet`` file, or a folder of photos and scenes, or of shards.

    Raises ValueError of one sentence for what is none of these, and for a manifest with a wrong line.
    """
    if source.is_dir():
        shards = sorted([*source.glob("*.tar"), *source.glob("*.parquet")])
        if shards:
            for shard in shards:
                yield from _shard(shard, f"{safe_id(shard.stem)}/")
        else:
            yield from folder_items(source)
    elif source.suffix in (".jsonl", ".ndjson"):
        yield from manifest_items(source)
    elif source.suffix in (".tar", ".parquet"):
        yield from _shard(source, "")
    elif source.exists():
        raise ValueError(f"'{source}' is no source; give a folder, or a .jsonl, .tar or .parquet file.")
    else:
        raise ValueError(f"The source '{source}' does not exist; give a folder, or a .jsonl, .tar or .parquet file.")


def _shard(path: Path, prefix: str) -> Iterator[Item]:
    yield from (tar_items if path.suffix == ".tar" else pack_items)(path, prefix)


def manifest_items(path: Path) -> Iterator[Item]:
    """An item a line: ``image`` or ``scene``, settings of ``smartmask masks``, and ``id`` (or its number)."""
    for number, line in enumerate(lines_of(path, "manifest"), start=1):
        if not line.strip():
            continue
        what = f"Line {number} of the manifest '{path}'"
        record = parse_json(line, what, unique=True)
        name = f"{number:06d}"
        if isinstance(record, dict) and "id" in record:
            record = dict(record)
            name = check_id(record.pop("id"), what)
        settings = read_request(record, what, path.parent)
        if "image" not in settings and "scene" not in settings:
            raise ValueError(f"{what} has neither an image nor a scene; give one.")
        yield Item(name, settings)


def folder_items(folder: Path) -> Iterator[Item]:
    """An item a photo or saved scene in a folder and those below, by names: ``beach/01.jpg`` is ``beach/01``.

    Beside a photo may lie, with its name: ``01.json`` (a request), ``01.layout.png`` with ``01.names.json`` or
    ``01.panoptic.json``, ``01.scene.json``, ``01.mask.png``, ``01.scribble.png``, ``01.like.png``. A folder with a
    ``scene.json``, as 'layout' and 'insert' leave it, is one item, and its pictures are results of that.
    """
    for where, names in _walk(folder):
        inside = where.relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        if SCENE in names:
            yield Item(safe_id(prefix.rstrip("/") or folder.resolve().name), files={"scene": str(where / SCENE)})
            continue
        for key, parts in _grouped((name, str(where / name)) for name in names):
            yield Item(safe_id(prefix + key), files=parts)


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    entries = sorted(folder.iterdir(), key=lambda path: path.name)
    visible = [path for path in entries if not path.name.startswith(".")]
    yield folder, [path.name for path in visible if path.is_file()]
    for path in visible:
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def tar_items(path: Path, prefix: str = "") -> Iterator[Item]:
    """An item a photo or scene of a tar file, whose files of one key follow each other as WebDataset has them."""
    for key, parts in _grouped((member.member, member) for member in tar_members(path)):
        yield Item(prefix + safe_id(key.removeprefix("./")), files=parts, archive=str(path))


def _grouped(files: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """``(key, {setting: file})`` of those that have a photo or a scene; a key is a name up to its first point."""
    found: dict[str, dict[str, Any]] = {}
    for name, file in files:
        folder, slash, base = name.rpartition("/")
        key, _, rest = base.partition(".")
        part = PARTS.get(rest.lower())
        if part is None or not key:
            continue
        parts = found.setdefault(f"{folder}{slash}{key}", {})
        if part in parts:
            raise ValueError(f"'{name}' and another file are both the {part} of '{key}'; rename or move one.")
        parts[part] = file
    return ((key, parts) for key, parts in found.items() if "image" in parts or "scene" in parts)


def pack_items(path: Path, prefix: str = "") -> Iterator[Item]:
    """An item a scene of a pack ('smartmask data pack'), by its number and name."""
    from smartmask.data.pack import Pack  # needs pyarrow

    for index, name in enumerate(Pack(path).meta.names):
        yield Item(f"{prefix}{index:06d}_{safe_id(str(name)).replace('/', '_')}", pack=str(path), index=index)


def count_items(source: Path) -> int:
    """How many items a source has. Raises ValueError for none, for two of one id, and for one inside another's."""
    seen: set[str] = set()
    for item in items_of(source):
        if item.id in seen:
            raise ValueError(f"'{item.id}' occurs twice in '{source}'; give each an id of its own in a manifest.")
        seen.add(item.id)
    inside = [name for name in seen if "/" in name and any(part in seen for part in _above(name))]
    if inside:
        raise ValueError(
            f"The results of {few_of(sorted(inside), 1)} in '{source}' would lie in those of another; "
            "give other ids in a manifest."
        )
    if not seen:
        raise ValueError(f"'{source}' holds no photo and no scene ({', '.join(PHOTOS)}, {SCENE}).")
    return len(seen)


def _above(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


@contextmanager
def unpacked(item: Item) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """``({setting: file}, {file: what it is called})``: those of an archive are unpacked for the block."""
    if item.archive is None:
        yield dict(item.files), {}
        return
    with tempfile.TemporaryDirectory(prefix="smartmask-") as folder:
        files, shown = {}, {}
        for part, member in item.files.items():
            path = Path(folder) / f"{part}{_suffix(member)}"
            save_bytes(open_member(member).getvalue(), path)
            files[part], shown[str(path)] = str(path), f"{item.archive}/{member.member}"
        yield files, shown


def _suffix(member: TarMember) -> str:
    """What a member's name has after its first point, as the suffix of a file."""
    return "." + member.name.partition(".")[2].lower()


def check_outside(out: Path, source: Path) -> None:
    """Raises ValueError where results would lie in a folder that is read: the next run would take them for photos."""
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise ValueError(f"The output '{out}' lies in the source '{source}'; give another --out.")
