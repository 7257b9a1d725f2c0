"""insert: what is painted lies in the masks, in the right depth, and all else is the photo's, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_pipeline import FakePipeline
from hypothesis import given
from hypothesis import strategies as st
from painters import FlatPainter, NoisePainter
from strategies import masks_of, scenes

import smartmask
from smartmask import Box, Scene, insert
from smartmask.image.photo import Photo
from smartmask.insertion.inpainter import Painting, PaintRequest
from smartmask.insertion.lay import ObjectRequest
from smartmask.insertion.paint import NoInpainterError
from smartmask.insertion.paste import PasteInpainter
from smartmask.insertion.pipeline import InsertResult
from smartmask.insertion.settings import PaintOptions

HEIGHT, WIDTH = 60, 80
RED, BLUE = [255, 0, 0], [0, 0, 255]
HARD = PaintOptions(feather=0)


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.fixture
def scene() -> Scene:
    """grass everywhere, a person in the middle in front of it."""
    return Scene.empty(HEIGHT, WIDTH).insert(box(0, 0, WIDTH, HEIGHT), "grass", thing=False).insert(
        box(30, 10, 50, 50), "person"
    )  # fmt: skip


@pytest.fixture
def photo() -> Photo:
    return Photo(np.random.default_rng(0).integers(0, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8))


def unchanged(result: InsertResult, photo: Photo) -> None:
    np.testing.assert_array_equal(result.image[~result.mask], photo.pixels[~result.mask])


# --- exactness -----------------------------------------------------------------------------------


@given(st.data())
def test_nothing_outside_the_masks_changes(data: st.DataObject) -> None:
    """Random scenes, masks, depths, sizes of work, feathers and shadows."""
    scene = data.draw(scenes(max_layers=3))
    height, width = scene.height, scene.width
    requests = []
    for number in range(data.draw(st.integers(1, 3))):
        mask = data.draw(masks_of(height, width).filter(np.any))
        requests.append(ObjectRequest("dog", mask=mask, order=data.draw(st.integers(0, len(scene.layers) + number))))
    pixels = (
        np.random.default_rng(0).integers(0, 65536, (height, width, data.draw(st.integers(1, 4)))).astype(np.uint16)
    )
    options = PaintOptions(
        feather=data.draw(st.sampled_from([0.0, 1.0, 3.0])),
        color_match=data.draw(st.booleans()),
        shadow=data.draw(st.sampled_from(["none", "layer", "paint"])),
    )
    painter = data.draw(st.sampled_from([NoisePainter(), NoisePainter(16), FlatPainter(side=7)]))
    try:
        result = insert(pixels, requests, scene=scene, inpainter=painter, options=options)
    except ValueError as error:
        if "would be seen" in str(error):  # wholly hidden, or wholly transparent
            return
        raise
    unchanged(result, Photo(pixels))
    allowed = np.zeros((height, width), dtype=bool)
    for request in requests:
        allowed |= request.mask
    if options.shadow != "paint":
        assert not (result.mask & ~allowed).any()


def test_the_result_holds_all_that_the_contract_names(photo: Photo, scene: Scene) -> None:
    mask = box(5, 20, 20, 40)
    result = smartmask.insert(photo.pixels, "dog", scene=scene, inpainter=FlatPainter(), mask=mask, options=HARD)
    np.testing.assert_array_equal(result.mask, mask)
    np.testing.assert_array_equal(result.masks, [mask])
    assert (result.image[mask] == RED).all()
    unchanged(result, photo)
    assert [layer.name for layer in result.scene.layers] == ["grass", "person", "dog"]
    np.testing.assert_array_equal(result.scene.photo, result.image)
    (layer,) = result.layers
    assert (layer.name, layer.kind, layer.applied) == ("dog", "object", True)
    assert [len(step.layers) for step in result.scenes] == [2, 3]


def test_a_photo_alone(photo: Photo) -> None:
    def call(requests: Any) -> Any:
        return insert(photo.pixels, requests, inpainter=FlatPainter(), pipeline=FakePipeline(), options=HARD)  # type: ignore[arg-type]

    result = call(ObjectRequest("dog", Box(5, 5, 30, 30)))
    assert [layer.name for layer in result.scene.layers] == ["dog"]
    assert "unlabeled" in result.notes[0]
    assert call([ObjectRequest("dog", mask=box(5, 20, 20, 40))]).notes == ()


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_photos_by_file(tmp_path: Path, suffix: str) -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    rgba[..., 3] |= 1  # WebP may forget the colours of what is wholly transparent
    path = tmp_path / f"a.{suffix}"
    from PIL import Image

    Image.fromarray(rgba).save(path, lossless=True)
    result = insert(path, "dog", inpainter=FlatPainter(), mask=box(5, 20, 20, 40))
    result.photo.save(tmp_path / "result.png")
    again = Photo.load(tmp_path / "result.png").pixels
    np.testing.assert_array_equal(again[~result.mask], rgba[~result.mask])


# --- depth ---------------------------------------------------------------------------------------


def test_behind_something_only_the_visible_part_is_painted(photo: Photo, scene: Scene) -> None:
    painter = FlatPainter()
    mask = box(20, 20, 60, 40)
    result = insert(photo, "dog", scene=scene, inpainter=painter, mask=mask, order=1, options=HARD)
    person = scene.layers[1].mask
    np.testing.assert_array_equal(result.mask, mask & ~person)
    np.testing.assert_array_equal(result.masks[0], mask)
    assert [layer.name for layer in result.scene.layers] == ["grass", "dog", "person"]
    (request,) = painter.requests
    assert not (request.mask & request.scene.layers[2].mask).any()
    assert request.amodal.sum() == mask.sum()
    assert (request.order, request.scene.layers[1].name) == (1, "dog")


def test_several_objects_are_painted_back_to_front(photo: Photo, scene: Scene) -> None:
    """Laid front first: the one behind is painted first, and whole, so that its layer can stand alone."""
    front, back = box(2, 10, 20, 40), box(10, 20, 28, 50)
    painter = FlatPainter()
    requests = [ObjectRequest("cat", mask=front), ObjectRequest("dog", mask=back, order=1)]
    result = insert(photo, requests, scene=scene, inpainter=painter, options=HARD)
    assert [request.prompt for request in painter.requests] == ["dog", "cat"]
    assert [layer.name for layer in result.scene.layers] == ["grass", "dog", "person", "cat"]
    assert (result.image[front] == BLUE).all()
    assert (result.image[back & ~front] == RED).all()
    assert [layer.name for layer in result.layers] == ["dog", "cat"]
    assert result.layers[0].touched.sum() == back.sum()
    dog_first, cat_second = painter.requests
    assert [layer.name for layer in dog_first.scene.layers] == ["grass", "dog", "person"]
    assert [layer.name for layer in cat_second.scene.layers] == ["grass", "dog", "person", "cat"]
    assert [[layer.name for layer in step.layers] for step in result.scenes] == [
        ["grass", "person"], ["grass", "person", "cat"], ["grass", "dog", "person", "cat"],
    ]  # fmt: skip
    unchanged(result, photo)


def test_a_cutouts_own_silhouette_becomes_the_mask(photo: Photo, scene: Scene) -> None:
    """What the mask in front no longer covers shows the object behind, not a hole."""
    half = np.zeros((20, 20, 4), dtype=np.uint8)
    half[..., 1] = 200
    half[10:, :, 3] = 255
    half[:, :10, 3] = 255  # without its upper right quarter
    front, back = box(2, 20, 22, 40), box(10, 15, 30, 35)
    requests = [ObjectRequest("dog", mask=back, cutout=np.dstack([half[..., :3], np.tri(20, dtype=np.uint8) * 255])),
                ObjectRequest("cat", mask=front, cutout=half)]  # fmt: skip
    result = insert(photo, requests, scene=scene, inpainter="paste", mirror=False, options=HARD)
    assert not result.masks[1][21:29, 14:20].any()
    assert result.masks[1][31:39, 4:20].all()
    np.testing.assert_array_equal(result.scene.layers[3].mask, result.masks[1])
    unchanged(result, photo)
    behind = result.masks[0] & ~result.masks[1]
    assert (behind & front).any()
    assert result.mask[behind].all()


def test_a_cutout_without_alpha_has_a_mask_beside_it(photo: Photo, scene: Scene) -> None:
    """cutout_mask for a single object, or in its ObjectRequest: the same picture as by an alpha of its own."""
    solid = np.full((20, 20, 3), (30, 200, 90), dtype=np.uint8)
    kept = np.tri(20, dtype=bool)
    place = box(10, 15, 30, 35)
    shared: dict[str, Any] = {"scene": scene, "inpainter": "paste", "mirror": False, "options": HARD}
    wanted = insert(photo, "dog", mask=place, cutout=np.dstack([solid, kept * np.uint8(255)]), **shared)
    alone = insert(photo, "dog", mask=place, cutout=solid, cutout_mask=kept, **shared)
    listed = insert(photo, [ObjectRequest("dog", mask=place, cutout=solid, cutout_mask=kept)], **shared)
    for result in (alone, listed):
        np.testing.assert_array_equal(result.image, wanted.image)


def test_wholly_hidden_objects_are_told(photo: Photo, scene: Scene) -> None:
    with pytest.raises(ValueError, match=r"Nothing of 'dog' would be seen at order 1.*up to 2"):
        insert(photo, "dog", scene=scene, inpainter=FlatPainter(), mask=box(35, 20, 40, 30), order=1)


def test_alpha_narrows_the_mask(photo: Photo, scene: Scene) -> None:
    """SmartBrush predicts an object mask inside a coarse one: what it leaves out stays, and the scene says so."""
    mask = box(5, 20, 20, 40)
    result = insert(photo, "dog", scene=scene, inpainter=FlatPainter(alpha=0.5), mask=mask, options=HARD)
    np.testing.assert_array_equal(result.mask, box(5, 20, 20, 30))
    np.testing.assert_array_equal(result.masks[0], box(5, 20, 20, 30))


# --- crops and options ---------------------------------------------------------------------------


def test_crops_have_the_inserters_side(photo: Photo, scene: Scene) -> None:
    painter = FlatPainter(side=64)
    result = insert(photo, "dog", scene=scene, inpainter=painter, mask=box(2, 2, 8, 8), context="a park", generator=5)
    (request,) = painter.requests
    assert request.image.shape == (64, 64, 3)
    assert request.scene.height == request.mask.shape[0] == 64
    assert (request.context, request.seed) == ("a park", 5)
    assert result.mask.sum() == 36
    unchanged(result, photo)


def test_shadows_change_the_photo_only_when_asked(photo: Photo, scene: Scene) -> None:
    mask = box(5, 10, 20, 40)
    for shadow in ("layer", "paint"):
        options = PaintOptions(shadow=shadow)  # type: ignore[arg-type]
        result = insert(photo, "dog", scene=scene, inpainter=FlatPainter(), mask=mask, options=options)
        assert [(layer.kind, layer.applied) for layer in result.layers] == [
            ("shadow", shadow == "paint"),
            ("object", True),
        ]
        assert (result.mask & ~mask).any() == (shadow == "paint")
        unchanged(result, photo)


def test_a_models_colour_drift_is_taken_back(scene: Scene) -> None:
    """What a model made of the surroundings tells how its colours are off."""

    class Drifting:
        name, side = "drifting", None

        def __call__(self, request: PaintRequest) -> Painting:
            return Painting(np.clip(request.image.astype(int) + np.array([25, 0, -25]), 0, 255).astype(np.uint8))

    rng = np.random.default_rng(0)
    photo = Photo(rng.integers(90, 140, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    mask = box(5, 10, 25, 40)
    plain = insert(photo, "dog", scene=scene, inpainter=Drifting(), mask=mask)
    matched = insert(photo, "dog", scene=scene, inpainter=Drifting(), mask=mask, options=PaintOptions(color_match=True))
    drift = [np.abs(result.image[mask].astype(int) - photo.pixels[mask]).mean() for result in (plain, matched)]
    assert drift[1] < drift[0] / 3


# --- masks from the pipeline ---------------------------------------------------------------------


def test_masks_are_found_where_none_is_given(photo: Photo, scene: Scene) -> None:
    pipeline, painter = FakePipeline(), FlatPainter()
    result = insert(photo, ["dog", ObjectRequest("cat", Box(0, 0, 20, 20), context="night")], scene=scene,
                    inpainter=painter, pipeline=pipeline, generator=3, num_masks=4, options=HARD)  # fmt: skip
    first, second = pipeline.calls
    assert (first["prompt"], first["seed"], first["num_masks"]) == ("dog", 3, 4)
    assert (second["prompt"], second["seed"], second["context_prompt"]) == ("cat", 1003, "night")
    assert [layer.name for layer in second["scene"].layers] == ["grass", "person", "dog"], "sees the former one"
    assert [laid.score for laid in result.plan.objects] == [0.9, 0.9]
    unchanged(result, photo)


def test_pick_takes_another_candidate(photo: Photo, scene: Scene) -> None:
    def picked(pick: int | None) -> InsertResult:
        guidance, pipeline = Box(2, 2, 40, 40), FakePipeline()
        painter = FlatPainter()
        return insert(photo, "dog", scene=scene, guidance=guidance, inpainter=painter, pipeline=pipeline, pick=pick)

    results = [picked(pick) for pick in (None, 0, 2)]
    assert [result.plan.objects[0].seed for result in results] == [0, 0, 2]
    assert not np.array_equal(results[0].masks, results[2].masks)


# --- errors --------------------------------------------------------------------------------------


def test_without_an_inserter(photo: Photo) -> None:
    with pytest.raises(NoInpainterError, match=r"No inserter is given: .*hf download.*'paste' with a cut-out works\."):
        insert(photo, "dog", mask=box(1, 1, 5, 5))


def test_bad_calls(photo: Photo, scene: Scene) -> None:
    mask = box(1, 1, 5, 5)
    cases = [
        (dict(prompt="dog", mask=mask[:10]), "mask of 'dog' is 80x10, but the photo is 80x60"),
        (dict(prompt="dog", mask=mask & False), "mask of 'dog' is empty"),
        (dict(prompt="", mask=mask), "object prompt is empty"),
        (dict(prompt=[]), "no object to insert"),
        (dict(prompt=[3]), "3 is not an object to insert"),
        (dict(prompt=["dog"], mask=mask), "'mask' is given beside a list"),
        (dict(prompt="dog", mask=mask, order=9), r"Order 9 of 'dog' is outside 0\.\.2"),
        (dict(prompt="dog", mask=mask, num_masks=0), "number of masks is 0"),
        (dict(prompt="dog", mask=mask, pick=8), "Pick 8 does not exist"),
        (dict(prompt="dog", mask=mask, generator=-1), "seed is -1"),
        (dict(prompt="dog", mask=mask, scene=Scene.empty(3, 3)), "photo is 80x60 .* but the scene is 3x3"),
        (dict(prompt="dog", mask=mask, photo=np.zeros((4, 4))), "is not a photo"),
        (dict(prompt="dog", mask=mask, inpainter="paste"), "nothing to paste"),
    ]  # fmt: skip
    for arguments, says in cases:
        known = {"photo": photo, "scene": scene, "inpainter": FlatPainter(), **arguments}
        with pytest.raises(ValueError, match=says):
            insert(**known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"feather": -1}, {"shadow": "big"}, {"precision": 1.5}, {"steps": 0}, {"guidance_scale": -2}]
)
def test_bad_options(options: dict) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        PaintOptions(**options)


def test_inserters_that_break_their_promise(photo: Photo) -> None:
    class Wrong:
        name, side = "wrong", None

        def __call__(self, request: PaintRequest) -> Painting:
            return Painting(np.zeros((3, 3, 3), dtype=np.uint8))

    with pytest.raises(RuntimeError, match=r"'wrong' answered uint8 of shape \(3, 3, 3\)"):
        insert(photo, "dog", mask=box(1, 1, 5, 5), inpainter=Wrong())


# --- real and large photos -----------------------------------------------------------------------


def test_a_real_photo_with_a_cutout_of_another(data_root: Path) -> None:
    """A COCO photo with its panoptic layout; the dog is cut from another photo by its annotation."""
    import json

    from PIL import Image

    from smartmask.geometry import polygons_to_mask
    from smartmask.scene.read import read_scene

    coco = data_root / "coco"
    data = json.loads((coco / "instances.json").read_text())
    dogs = [a for a in data["annotations"] if a["category_id"] == 18 and not a["iscrowd"] and a["image_id"] == 22192]
    dog = max(dogs, key=lambda a: a["area"])
    rgb = np.asarray(Image.open(coco / "images" / "000000022192.jpg").convert("RGB"))
    outline = polygons_to_mask([np.array(p).reshape(-1, 2) for p in dog["segmentation"]], *rgb.shape[:2])
    cutout = np.dstack([rgb, outline.astype(np.uint8) * 255])
    path = coco / "images" / "000000000307.jpg"
    scene, _ = read_scene(path, layout=coco / "panoptic" / "000000000307.png", panoptic=coco / "panoptic.json")
    place = np.zeros((scene.height, scene.width), dtype=bool)
    place[210:420, 330:450] = True  # behind the frisbee, in front of the other dog
    order = [layer.name for layer in scene.layers].index("frisbee")
    result = insert(path, "dog", scene=scene, inpainter="paste", cutout=cutout, mask=place, order=order)
    before, frisbee = Photo.load(path), scene.layers[order].mask
    unchanged(result, before)
    np.testing.assert_array_equal(result.image[frisbee], before.pixels[frisbee])
    assert (result.masks[0] & frisbee).any()
    assert 0.3 * place.sum() < result.mask.sum() < place.sum()


@pytest.mark.slow
def test_24_megapixels_cost_a_copy_and_a_crop() -> None:
    import tracemalloc

    height, width = 4000, 6000
    ground, place = np.ones((height, width), dtype=bool), np.zeros((height, width), dtype=bool)
    place[1000:2200, 2000:3000] = True
    photo = Photo(np.full((height, width, 3), 7, dtype=np.uint8))
    scene = Scene.empty(height, width)
    for index in range(8):
        scene = scene.insert(ground, f"layer {index}")
    tracemalloc.start()
    try:
        options = PaintOptions(color_match=True, shadow="paint")
        result = insert(photo, "dog", scene=scene, inpainter=FlatPainter(side=512), mask=place, options=options)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    unchanged(result, photo)
    copy, plane, crop = photo.pixels.nbytes, height * width, 2400 * 2400
    assert peak < copy + 4 * plane + 40 * crop, f"{peak / 1e6:.0f} MB for a photo of {copy / 1e6:.0f} MB"


def test_a_cutout_takes_the_light_of_a_dark_room_unless_told_not_to() -> None:
    dark = np.random.default_rng(0).integers(2, 24, (60, 80, 3)).astype(np.uint8)
    bright = np.full((30, 20, 4), 255, dtype=np.uint8)
    bright[::3, :, :3] = 120
    bright[:4, :, 3] = 0  # what is not the cat
    place = np.zeros((60, 80), dtype=bool)
    place[20:50, 30:50] = True

    def pasted(**options: bool) -> InsertResult:
        return insert(
            dark, "cat", inpainter=PasteInpainter(bright), mask=place, options=PaintOptions(feather=0, **options)
        )

    lit, asked, as_it_is = pasted(), pasted(color_match=True), pasted(color_match=False)
    inside = np.asarray(lit.photo.rgb())[place].mean()
    assert inside < 0.6 * np.asarray(as_it_is.photo.rgb())[place].mean()
    np.testing.assert_array_equal(lit.photo.rgb(), asked.photo.rgb())
    np.testing.assert_array_equal(lit.photo.rgb()[~place], dark[~place])
    assert any("far brighter" in note for note in as_it_is.said)
    assert not lit.said
