"""Shards on a disk and behind an address: what was written is read, what is broken is told, nothing is run."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from brushes import coco_folder

from smartmask.data.pack import Pack
from smartmask.data.pack_rows import table_of
from smartmask.data.packing.index import INDEX, TAR
from smartmask.data.packing.plan import Recipe
from smartmask.data.packing.run import pack_sources
from smartmask.data.registry import read
from smartmask.data.shards.files import photo_in, row_in
from smartmask.data.shards.source import Shards, WindowReader, is_shards
from smartmask.image.files import load_photo
from smartmask.io import addresses
from smartmask.io.addresses import open_address


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coco_folder(tmp_path_factory.mktemp("sets"), 20, 4) / "coco"


@pytest.fixture(scope="module")
def folder(coco: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 train and 4 dev photographs in shards of at most 5."""
    out = tmp_path_factory.mktemp("out") / "shards"
    pack_sources([("coco_instances", coco)], Recipe(TAR, None, photos=True, unit=5), out)
    return out


class Files(BaseHTTPRequestHandler):
    """Serves a folder; breaks the first reply of each tar off after some bytes, and takes ranges."""

    folder: Path
    ranges = True
    broken: set[str]

    def do_GET(self) -> None:
        path = self.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start and not self.ranges:
            start = 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        cut = path.suffix == ".tar" and path.name not in self.broken
        self.broken.add(path.name)
        self.wfile.write(data[start : start + 3000] if cut else data[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Files]]:
    handler = type("Here", (Files,), {"folder": folder, "broken": set()})
    monkeypatch.setattr(addresses.time, "sleep", lambda _: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        handler.address = f"http://127.0.0.1:{running.server_port}"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield handler
        running.shutdown()


def test_scenes_and_photographs_come_back(coco: Path, folder: Path) -> None:
    wanted = {record.key: record for record in read("coco_instances", coco)}
    found = 0
    for split, count in (("train", 20), ("dev", 4)):
        shards = Shards.at(folder, split)
        assert sum(part.scenes for part in shards.parts) == count
        for number in range(len(shards.parts)):
            for members in shards.scenes(number):
                row = row_in(members, "here")
                record, original = Pack.of(table_of([row]), folder)[0], wanted[row["key"]]
                assert (record.source, record.captions) == (original.source, original.captions)
                for one, other in zip(record.scene.layers, original.scene.layers, strict=True):
                    assert one.name == other.name
                    np.testing.assert_array_equal(one.mask, other.mask)
                assert original.image is not None
                np.testing.assert_array_equal(photo_in(members, "here"), load_photo(original.image))
                found += 1
    assert found == 24


def test_webdataset_reads_them(folder: Path) -> None:
    import webdataset

    part = Shards.at(folder, "train").parts[0]
    samples = list(webdataset.WebDataset(str(folder / part.file), shardshuffle=False).decode("rgb8"))
    assert len(samples) == part.scenes
    assert samples[0]["png"].shape == (72, 96, 3)
    assert samples[0]["json"]["split"] == "train"


def keys(shards: Shards, epochs: int = 2) -> list[str]:
    """The keys of all scenes in the order of a seed, window by window."""
    order = shards.order(3, 2, 2)
    reader, found = WindowReader(shards, order), []
    for epoch in range(epochs):
        for lane in range(order.used):
            for window in range(-(-order.size(lane) // (order.blend * order.piece))):
                found += [row_in(one, "here")["key"] for one in reader.window(lane, epoch, window)]
    return found


def test_an_address_gives_the_same_though_it_breaks_off(folder: Path, server: type[Files]) -> None:
    local = keys(Shards.at(folder, "train"))
    assert len(local) == 40
    assert len({*local[:20]}) == len({*local[20:]}) == 20
    assert is_shards(server.address)
    assert keys(Shards.at(f"{server.address}/{INDEX}", "train")) == local
    assert len(server.broken) > 4


def test_what_a_server_says_no_to(folder: Path, server: type[Files]) -> None:
    with pytest.raises(ValueError, match=r"nothing/pack\.json cannot be read \(HTTP 404\)"):
        Shards.at(f"{server.address}/nothing", "train")
    server.ranges = False
    with pytest.raises(ValueError, match=r"broke off at byte .* cannot go on there"):
        keys(Shards.at(server.address, "train"))
    with pytest.raises(ValueError, match=r"cannot be read \(.*refused"):
        open_address("http://127.0.0.1:9/a")
    with pytest.raises(ValueError, match="no address"):
        open_address("file:///etc/passwd")


def test_commands_are_not_run(tmp_path: Path) -> None:
    for place in ("pipe:touch made", "pipe:curl -s http://x/a.tar"):
        assert is_shards(place)
        with pytest.raises(ValueError, match="is a command, which is not run"):
            Shards.at(place, "train")
    assert not Path("made").exists()
    assert not is_shards(tmp_path)


def test_damage_is_told(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "shards"
    shutil.copytree(folder, own)
    with pytest.raises(ValueError, match="no scene of the test split"):
        Shards.at(own, "test")
    shards = Shards.at(own, "train")
    path = own / shards.parts[0].file
    data = path.read_bytes()
    for harm in (
        data[:6000], data + b"\0" * 512, data[:5000] + b"\1" + data[5001:], b"nonsense" * 500, data[512:],
    ):  # fmt: skip
        path.write_bytes(harm)
        with pytest.raises(ValueError, match=path.name):
            list(shards.scenes(0))
    index = json.loads((own / INDEX).read_text())
    for change in ({"form": "zip"}, {"parts": [{**index["parts"][0], "file": "../a.tar"}]}, {"parts": [1]}):
        (own / INDEX).write_text(json.dumps({**index, **change}))
        with pytest.raises(ValueError, match="damaged"):
            Shards.at(own, "train")
    (own / INDEX).unlink()
    with pytest.raises(ValueError, match=r"pack\.json' does not exist"):
        Shards.at(own, "train")


def test_a_fork_reads_for_itself(folder: Path) -> None:
    shards = Shards.at(folder, "train")
    order = shards.order(0, 1, 2)
    windows = partial(WindowReader, shards, order)
    reader = windows()
    reader.window(0, 0, 0)
    reader._process -= 1
    for window in (1, 2):
        found = [row_in(one, "")["key"] for one in reader.window(0, 0, window)]
        assert found == [row_in(one, "")["key"] for one in windows().window(0, 0, window)]


def test_photographs_of_another_size_are_bad(coco: Path, tmp_path: Path) -> None:
    shutil.copytree(coco, tmp_path / "coco")
    content = json.loads((tmp_path / "coco" / "instances.json").read_text())
    content["images"][0]["width"] = 97
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] != content["images"][0]["id"]]
    (tmp_path / "coco" / "instances.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="is 96x72, but its annotation says 97x72"):
        pack_sources([("coco_instances", tmp_path / "coco")], Recipe(TAR, None, photos=True), tmp_path / "out")
