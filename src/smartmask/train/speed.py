"""How fast one core feeds a training, and how many cores a GPU needs: what ``smartmask data speed`` measures."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from smartmask.io.package import BUNDLED_TEXT
from smartmask.io.records import Record
from smartmask.io.settings import Settings, argument, option
from smartmask.io.watch import Watch, unwatched

if TYPE_CHECKING:
    from smartmask.text.encoder import TextEncoder
    from smartmask.text.states import Words
    from smartmask.train.task import Samples

BATCH = 32
ROUND = 128  # samples: a multiple of what a photograph or a window of shards is read for once; as many go before


class FeedingReport(Record):
    """What was measured, and what follows.

    read: "pack", "sets" or "shards".  samples_a_core_second: samples a second of one core's time; samples_a_second: of
    the clock, with waiting.  needed_a_second: samples that a GPU takes, by the step time that was given.
    cores: that feed it.
    """

    optional = ("needed_a_second", "cores")
    stream: str
    read: str
    side: int
    samples: int
    samples_a_core_second: float
    samples_a_second: float
    needed_a_second: float | None = None
    cores: float | None = None


class SpeedJob(Settings):
    """One stream, made by one process with one thread."""

    data: Path | str = argument("A pack, shards (a folder or an address), or a folder of photographs.", metavar="PLACE")
    stream: Literal["latent", "inpaint"] = option("latent", "latent or inpaint.", metavar="NAME")
    side: int = option(512, "Pixels of a sample's side.", ge=16, le=4096)
    samples: int = option(256, "Samples to make, up to the next multiple of 128.", ge=1)
    batch: int = option(32, "Samples of a step of one GPU, for --step-seconds.", ge=1)
    step_seconds: float | None = option(
        None, "What a step of one GPU takes, measured or assumed by you: the cores that feed it follow.", gt=0
    )

    def run(self, watch: Watch = unwatched) -> FeedingReport:
        """Raises ValueError for data that cannot be trained on."""
        import cv2
        import torch

        cv2.setNumThreads(0)  # as the workers of a training are set up
        torch.set_num_threads(1)
        read, stream = self._stream()
        batches = -(-self.samples // ROUND) * ROUND // BATCH
        for _ in islice(stream, ROUND // BATCH):
            pass
        with watch("samples") as on_step:
            clock, core = time.perf_counter(), time.process_time()
            for number, _ in enumerate(islice(stream, batches)):
                if on_step is not None:
                    on_step((number + 1) * BATCH, batches * BATCH)
            core, clock = time.process_time() - core, time.perf_counter() - clock
        made, rate = batches * BATCH, batches * BATCH / core
        needed = None if self.step_seconds is None else self.batch / self.step_seconds
        return FeedingReport(
            stream=self.stream, read=read, side=self.side, samples=made, samples_a_core_second=round(rate, 2),
            samples_a_second=round(made / clock, 2), needed_a_second=None if needed is None else round(needed, 2),
            cores=None if needed is None else round(needed / rate, 2),
        )  # fmt: skip

    def _stream(self) -> tuple[str, Samples]:
        from smartmask.text.encoder import TextEncoder
        from smartmask.text.states import VocabularyWords

        text = TextEncoder.from_pretrained(BUNDLED_TEXT)
        words = VocabularyWords(text)
        return self._latent(text, words) if self.stream == "latent" else self._inpaint(words)

    def _latent(self, text: TextEncoder, words: Words) -> tuple[str, Samples]:
        from smartmask.data.pack import Pack
        from smartmask.data.shards.source import Shards, is_shards
        from smartmask.train.tasks.latent_pairs import LatentPairs, PairStream
        from smartmask.train.tasks.latent_shards import ShardPairStream

        if is_shards(self.data):
            shards = Shards.at(self.data, "train")
            return "shards", ShardPairStream(shards, text, self.side, words, BATCH, lanes=1)
        return "pack", PairStream(LatentPairs(Pack(self.data), text, self.side), words, BATCH)

    def _inpaint(self, words: Words) -> tuple[str, Samples]:
        from smartmask.data.shards.source import Shards, is_shards
        from smartmask.insertion.smartbrush.network import Parts
        from smartmask.train.tasks.inpaint_data import SOURCES, CropStream, find_objects, photo_sources
        from smartmask.train.tasks.inpaint_shards import ShardCropStream

        if is_shards(self.data):
            shards = Shards.at(self.data, "train")
            return "shards", ShardCropStream(shards, self.side, words, Parts(), BATCH, lanes=1)
        photos = find_objects(photo_sources(Path(self.data), SOURCES), "train")
        return "sets", CropStream(photos, self.side, words, Parts(), BATCH)
