from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.data.pack import Pack, write_pack
from smartmask.data.pack_rows import decode_top, encode_top, shrink
from smartmask.data.record import Record
from smartmask.data.registry import read
from smartmask.data.splits import split_of
from smartmask.geometry import mask_box
from smartmask.scene import Layer, Scene


def block(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def record(key: str = "9", source: str = "voc", scene: Scene | None = None) -> Record:
    return Record(key, source, scene or Scene(8, 9, (Layer("dog", block(8, 9, (1, 2, 5, 6))),)), name=f"name of {key}")


def assert_same(a: Record, b: Record) -> None:
    assert (a.key, a.source, a.name, a.captions, a.modal) == (b.key, b.source, b.name, b.captions, b.modal)
    assert (a.scene.height, a.scene.width) == (b.scene.height, b.scene.width)
    assert [(x.name, x.thing) for x in a.scene.layers] == [(x.name, x.thing) for x in b.scene.layers]
    for x, y in zip(a.scene.layers, b.scene.layers, strict=True):
        np.testing.assert_array_equal(x.mask, y.mask)


# of any script, and blanks; a layer's name has something to be seen, and no control characters
NAMES = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]), min_size=1, max_size=8).filter(
    lambda name: any(unicodedata.category(character)[0] in "LNPS" for character in name)
)


@st.composite
def random_records(draw: st.DrawFn) -> Record:
    """Scenes of any overlap: disjoint, hidden in part or wholly, empty layers, noise."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    layers = []
    for _ in range(draw(st.integers(0, 6))):
        name = draw(NAMES)
        share = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
        layers.append(Layer(name, rng.random((height, width)) < share, bool(share)))
    captions = tuple(draw(st.lists(st.text(max_size=20), max_size=2)))
    return Record(
        draw(st.text(min_size=1)), "voc", Scene(height, width, tuple(layers)), captions, draw(st.booleans()), None, "n"
    )


@given(st.lists(random_records(), min_size=1, max_size=4))
def test_round_trip_is_exact(tmp_path_factory: pytest.TempPathFactory, records: list[Record]) -> None:
    path = tmp_path_factory.mktemp("pack") / "layouts.parquet"
    report = write_pack(records, path)
    pack = Pack(path)
    assert sum(report.scenes.values()) == len(pack) == len(records)
    assert report.size == path.stat().st_size
    for index, expected in enumerate(records):
        assert_same(pack[index], expected)
        scene = expected.scene
        np.testing.assert_array_equal(pack.top(index), scene.top() + 1)
        assert pack.meta.splits[index] == split_of(expected.key)
        assert pack.meta.areas[index].tolist() == [int(layer.mask.sum()) for layer in scene.layers]
        assert pack.meta.visible_areas[index].tolist() == [
            int(scene.visible(i).sum()) for i in range(len(scene.layers))
        ]
        assert pack.meta.boxes[index].shape == (len(scene.layers), 4)
        assert [tuple(box) for box in pack.meta.boxes[index].tolist()] == [
            mask_box(layer.mask) or (0, 0, 0, 0) for layer in scene.layers
        ]


@pytest.mark.parametrize(("name", "says"), [(" ", "is empty"), ("a\x1b", "control character"), ("\u0300", "no letter")])
def test_names_that_no_layer_has_are_damage(tmp_path: Path, name: str, says: str) -> None:
    path = tmp_path / "p.parquet"
    write_pack([record()], path)
    table = pq.read_table(path)
    column = table.schema.get_field_index("layer_names")
    pq.write_table(table.set_column(column, table.schema.field(column), pa.array([[name]])), path)
    with pytest.raises(ValueError, match=f"Record 0 of .* is damaged .*{says}") as caught:
        Pack(path)[0]
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("layers", [254, 255, 300])
def test_many_layers(tmp_path: Path, layers: int) -> None:
    ids = np.arange(400).reshape(20, 20)
    scene = Scene(20, 20, tuple(Layer(f"name {i}", ids == i) for i in range(layers)))
    write_pack([record(scene=scene)], tmp_path / "p.parquet")
    assert_same(Pack(tmp_path / "p.parquet")[0], record(scene=scene))


def test_top_is_webp_while_it_can_be() -> None:
    top = np.arange(255, dtype=np.int32).reshape(5, 51)
    assert encode_top(top)[8:12] == b"WEBP"
    np.testing.assert_array_equal(decode_top(encode_top(top)), top)
    top = top + 65535 - 254
    assert encode_top(top)[1:4] == b"PNG"
    np.testing.assert_array_equal(decode_top(encode_top(top)), top)
    with pytest.raises(ValueError, match="65536 layers does not fit"):
        encode_top(top + 1)
    with pytest.raises(ValueError, match="broken"):
        decode_top(b"RIFF")


def test_large_scenes_are_scaled_by_nearest_pixel(tmp_path: Path) -> None:
    big = Scene(
        600,
        1000,
        (
            Layer("sky", block(600, 1000, (0, 0, 1000, 300)), False),
            Layer("dog", block(600, 1000, (250, 150, 750, 450))),
            Layer("speck", block(600, 1000, (1, 1, 2, 2))),  # one pixel, between the ones kept
        ),
        photo=np.zeros((600, 1000, 3), dtype=np.uint8),
    )
    write_pack([record(scene=big)], tmp_path / "p.parquet")
    scene = Pack(tmp_path / "p.parquet")[0].scene
    assert (scene.height, scene.width, scene.photo) == (307, 512, None)
    assert [layer.name for layer in scene.layers] == ["sky", "dog"]
    x0, y0, x1, y1 = mask_box(scene.layers[1].mask) or (0, 0, 0, 0)
    np.testing.assert_allclose([x0, y0, x1, y1], [128, 76.75, 384, 230.25], atol=1)
    assert scene.layers[0].mask[140, 200]  # the sky goes on behind the dog
    assert scene.top()[140, 200] == 1
    assert shrink(big, 1000).layers == big.layers


def test_a_coco_image_is_packed_once(tmp_path: Path) -> None:
    records = [record("9", "coco_panoptic"), record("9", "coco_instances"), record("25", "coco_instances")]
    records += [record("9", "idd_lite"), record("9", "idd_lite")]  # frames of one drive share a key
    report = write_pack(records, tmp_path / "p.parquet")
    assert report.doubles == 1
    assert report.scenes == {"coco_panoptic": 1, "coco_instances": 1, "idd_lite": 2}
    assert [(r.key, r.source) for r in Pack(tmp_path / "p.parquet")][:2] == [
        ("9", "coco_panoptic"),
        ("25", "coco_instances"),
    ]


def test_more_rows_than_a_batch(tmp_path: Path) -> None:
    tiny = Scene(1, 1, (Layer("dog", np.ones((1, 1), dtype=bool)),))
    write_pack((record(str(i), scene=tiny) for i in range(2001)), tmp_path / "p.parquet")
    pack = Pack(tmp_path / "p.parquet")
    assert len(pack) == 2001
    assert [pack[i].key for i in (0, 999, 1000, 2000, -1)] == ["0", "999", "1000", "2000", "2000"]
    assert [r.key for r in pack[1999:]] == ["1999", "2000"]
    with pytest.raises(IndexError, match="Record 2001 does not exist"):
        pack[2001]


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    write_pack([record()], path)
    before = path.read_bytes()

    def broken() -> object:
        yield record()
        raise ValueError("bad file")

    with pytest.raises(ValueError, match="bad file"):
        write_pack(broken(), path)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no scene to write"):
        write_pack([], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_are_no_pack(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    with pytest.raises(ValueError, match=r"p\.parquet' does not exist"):
        Pack(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"p\.parquet' is not a Parquet file"):
        Pack(path)
    pq.write_table(pa.table({"top": [b""]}), path)
    with pytest.raises(ValueError, match=r"p\.parquet is not a SmartMask pack of version 1"):
        Pack(path)


def test_a_pack_reads_as_a_data_set(tmp_path: Path) -> None:
    records = [record("9"), record("25", "coco_instances")]
    write_pack(records, tmp_path / "p.parquet")
    for found, expected in zip(read("pack", tmp_path / "p.parquet"), records, strict=True):
        assert_same(found, expected)
