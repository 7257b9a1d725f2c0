"""``smartmask eval text``: whether masks are of what was asked for, by class names and by other words."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from smartmask.cli.evaluate.console import (
    DataOption,
    JsonOption,
    LicencesOption,
    MemoryOption,
    OutOption,
    SourcesOption,
    SplitOption,
    finish,
    heading,
    listed,
    progress,
)
from smartmask.cli.evaluate.realism import JudgeOption
from smartmask.cli.options import WeightsOption

CALL = 8  # masks a call where words are compared


def text(
    data: DataOption,
    split: SplitOption = "test",
    each: Annotated[int, typer.Option(min=1, help="Objects a class, at most.")] = 25,
    guidance: Annotated[str, typer.Option(help="Of box, blob, scribble, mask, point, none.")] = "box",
    sources: SourcesOption = "voc,coco",
    systems: Annotated[str, typer.Option(help="Of pipeline and the baselines.")] = "pipeline,retrieval",
    num_masks: Annotated[int, typer.Option(min=2, help="Samples an object.")] = 4,
    words: Annotated[
        str | None,
        typer.Option(help="Words to ask for beside their class: puppy=dog,cab=car; 'all' for the built-in list."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Masks a word.")] = 400,
    min_area: Annotated[float, typer.Option(help="Smallest object, as a share of the image.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Of objects and samples.")] = 0,
    judge: JudgeOption = None,
    memory: MemoryOption = None,
    licences: LicencesOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Class accuracy of a network trained on real masks, on generated masks and on real ones (the ceiling)."""
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol, find_targets
    from smartmask.evaluate.benchmark import cases
    from smartmask.evaluate.naming import known_targets, text_lines, text_report, word_report
    from smartmask.evaluate.report import machine
    from smartmask.evaluate.systems import PIPELINE, assemble, system_names
    from smartmask.metrics.judge import load_judge

    protocol = Protocol(
        split=split,
        sources=listed(sources),
        limit=None,
        min_area=min_area,
        num_masks=num_masks,
        seed=seed,
        guidance=(guidance,),
    )
    names = system_names(listed(systems), protocol.guidance)
    asked_words = parse_words(words)
    if asked_words and PIPELINE not in names:
        raise ValueError("Words are asked of the pipeline; add it to --systems.")
    network = load_judge(judge)
    pack = Pack(data)
    every = find_targets(pack, protocol)
    systems_asked = assemble(names, pack, protocol, weights, memory, licences)
    asked, pipeline = systems_asked.systems, systems_asked.systems.get(PIPELINE)
    targets = known_targets(every, network, each)
    with progress("objects", len(targets)) as advance:
        control = PIPELINE if pipeline else None
        found = text_report(cases(pack, targets, protocol), asked, network, num_masks, seed, control, advance)
    said: dict[str, Any] = {}
    if asked_words and pipeline:
        calls = -(-samples // CALL)
        boxes = [t for t in known_targets(every, network, calls) if t.name in asked_words.values()]
        with progress("calls", len(asked_words) * calls) as advance:
            questions = list(cases(pack, boxes, protocol))
            said = word_report(questions, pipeline, network, asked_words, samples, CALL, seed, advance)
    report = {
        **heading("text"),
        "machine": machine(),
        **systems_asked.about,
        "judge": str(judge or "bundled"),
        "split": split,
        "guidance": guidance,
        "rules": protocol.rules(),
        "chance": round(1 / len(network.config.names), 4),
        "text": found,
        "words": said,
    }
    finish("text", report, text_lines(report), out, as_json)


def parse_words(given: str | None) -> dict[str, str]:
    """``puppy=dog,cab=car`` as a dict; "all" is the built-in list, None nothing. ValueError for other forms."""
    from smartmask.evaluate.naming import WORDS

    if given is None:
        return {}
    if given.strip() == "all":
        return dict(WORDS)
    pairs = [part.split("=") for part in listed(given)]
    if not pairs or any(len(pair) != 2 or not all(p.strip() for p in pair) for pair in pairs):
        raise ValueError(f"The words '{given}' are not of the form WORD=CLASS,WORD=CLASS; write puppy=dog, or all.")
    return {word.strip(): name.strip() for word, name in pairs}
