"""The latent model behind the protocol: seeds, S_k, guides, texts, weights of guidance, progress, notes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smartmask.geometry import box_mask
from smartmask.guides import Box
from smartmask.masks.latent.model import SmartMaskLatentModel
from smartmask.masks.model import MaskRequest
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 90, 120
SKY = Layer("sky", box_mask((0, 0, WIDTH, 40), HEIGHT, WIDTH), False)
GRASS = Layer("grass", box_mask((0, 40, WIDTH, HEIGHT), HEIGHT, WIDTH), False)
HOUSE = Layer("house", box_mask((5, 10, 50, 60), HEIGHT, WIDTH))
SCENE = Scene(HEIGHT, WIDTH, (SKY, GRASS, HOUSE))


def ask(**changes: Any) -> MaskRequest:
    return MaskRequest.of(**{"object": "dog", "guides": (Box(20, 20, 90, 80),), "steps": 2, **changes})


def masks(
    model: SmartMaskLatentModel, request: MaskRequest, seeds: tuple[int, ...] = (3,), scene: Scene = SCENE
) -> Any:
    return np.stack([one.mask for one in model.suggest(scene, request, seeds)])


def test_a_seeds_mask_is_its_own(model: SmartMaskLatentModel) -> None:
    """To the last bit, whatever is asked beside it and in whatever order: its batch is its own."""
    every = model.suggest(SCENE, ask(), (5, 6, 7))
    assert [one.seed for one in every] == [5, 6, 7]
    assert not np.array_equal(every[0].mask, every[1].mask)
    for one in every:
        alone = model.suggest(SCENE, ask(), (one.seed,))[0]
        assert np.array_equal(alone.mask, one.mask)
        assert alone.score == one.score
        assert alone.mask.shape == (HEIGHT, WIDTH)


def test_larger_batches_are_filled_up_and_give_nearly_the_same(model: SmartMaskLatentModel) -> None:
    batched = SmartMaskLatentModel(model.parts, at_once=2)
    three, four = (masks(batched, ask(), seeds) for seeds in ((5, 6, 7), (5, 6, 7, 8)))
    assert np.array_equal(three, four[:3])  # one shape of batch: the last one's rows are what they are
    assert (masks(model, ask(), (5, 6, 7)) != three).mean() < 0.01


def test_what_the_network_sees_are_the_first_k_layers(model: SmartMaskLatentModel) -> None:
    """Layers in front of the object's depth are not there; None is the front of all."""
    behind = ask(order=2)
    assert np.array_equal(masks(model, behind), masks(model, behind, scene=Scene(HEIGHT, WIDTH, (SKY, GRASS))))
    assert not np.array_equal(masks(model, behind), masks(model, ask()))
    assert np.array_equal(masks(model, ask()), masks(model, ask(order=3)))
    assert model.suggest(SCENE, behind, (0,))[0].order == 2
    assert model.suggest(SCENE, ask(), (0,))[0].order == 3


@pytest.mark.parametrize(
    "change",
    [{"guides": ()}, {"guides": (Box(0, 0, 40, 40),)}, {"object": "bus"}, {"context": "a dog at night in a city"}],
)
def test_guide_and_texts_reach_the_network(model: SmartMaskLatentModel, change: dict[str, Any]) -> None:
    assert not np.array_equal(masks(model, ask(guidance_scale=8)), masks(model, ask(guidance_scale=8, **change)))


def test_without_an_objects_weight_its_name_does_not_matter(model: SmartMaskLatentModel) -> None:
    without = {"guidance_scale": 0, "context_guidance_scale": 1}
    assert np.array_equal(masks(model, ask(**without)), masks(model, ask(object="bus", **without)))
    nothing = {"guidance_scale": 0, "context_guidance_scale": 0}
    one, two = ask(context="at night", **nothing), ask(object="bus", context="a sunny day", **nothing)
    assert np.array_equal(masks(model, one), masks(model, two))


def test_the_defaults_are_the_models_own(model: SmartMaskLatentModel) -> None:
    defaults = model.parts.settings.defaults
    plain = MaskRequest(object="dog")
    told = MaskRequest(
        object="dog", steps=defaults.steps, guidance_scale=defaults.guidance_scale,
        context_guidance_scale=defaults.context_guidance_scale,
    )  # fmt: skip
    assert np.array_equal(masks(model, plain), masks(model, told))


def test_without_a_context_the_caption_counts_and_then_the_names(model: SmartMaskLatentModel) -> None:
    captioned = replace(SCENE, caption="a house at night")
    assert np.array_equal(masks(model, ask(), scene=captioned), masks(model, ask(context="a house at night")))
    named = ask(context="a scene with sky, grass, house")
    assert np.array_equal(masks(model, ask()), masks(model, named))


def test_progress_counts_every_step_of_every_seed_and_may_stop(model: SmartMaskLatentModel) -> None:
    seen: list[tuple[int, int]] = []
    model.suggest(SCENE, ask(steps=3), (0, 1), lambda done, every: seen.append((done, every)))
    assert seen == [(done, 6) for done in range(1, 7)]

    def stop(done: int, every: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.suggest(SCENE, ask(steps=3), (0, 1), stop)


def test_notes_say_what_was_left_out(model: SmartMaskLatentModel) -> None:
    assert model.notes(SCENE, ask()) == []
    told = model.notes(SCENE, ask(object="xqzzt", not_here=(Box(0, 0, 9, 9),), like=HOUSE.mask))
    assert len(told) == 1
    assert "xqzzt" in told[0]


def test_a_context_of_no_weight_does_not_matter(model: SmartMaskLatentModel) -> None:
    without = {"guidance_scale": 8, "context_guidance_scale": 0}
    one, two = ask(context="at night", **without), ask(context="a sunny day in a city", **without)
    assert np.array_equal(masks(model, one), masks(model, two))
    assert not np.array_equal(masks(model, one), masks(model, ask(object="bus", context="at night", **without)))


def test_an_untrained_model_answers_through_the_pipeline(model: SmartMaskLatentModel) -> None:
    output = SmartMaskPipeline(model)(SCENE, "dog", num_masks=3, generator=4, num_inference_steps=2)
    assert output.masks.shape == (3, HEIGHT, WIDTH)
    assert output.masks.any((1, 2)).all()
    assert (np.diff(output.scores) <= 0).all()
    assert ((output.scores >= 0) & (output.scores <= 1)).all()
    assert sorted(output.seeds) == [4, 5, 6]
    assert output.orders == [3, 3, 3]


def test_it_moves_or_says_why_not(model: SmartMaskLatentModel) -> None:
    assert model.to("cpu", torch.float32) is model
    with pytest.raises(ValueError, match="The device 'nowhere' cannot be used"):
        model.to("nowhere")
    assert model.size("bus")[0] > model.size("dog")[0]
