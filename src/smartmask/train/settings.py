"""Settings of training: those of every run, written once, and those of each recipe; ``smartmask train`` shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from smartmask.io.package import BUNDLED_TEXT
from smartmask.io.settings import Settings, internal, option, required

# Fields that recipes share in text and limits, each with a default of its own.
Steps = Annotated[int, option(..., "Optimiser steps at most.", ge=1)]
Batch = Annotated[int, option(..., "Samples of one process in a batch.", ge=1)]
Rate = Annotated[float, option(..., "Peak learning rate.", gt=0)]
Decay = Annotated[float, option(..., "Decay of the weights (AdamW).", ge=0)]
Ema = Annotated[float, option(..., "Decay of the weights' moving average, which is saved; 0: none.", ge=0, lt=1)]
Clip = Annotated[float, option(..., "Largest norm of the gradients; 0: any.", ge=0)]
Lora = Annotated[bool, option(..., "Train LoRA matrices of the base, merged at the end.")]
Rank = Annotated[int, option(..., "Of the LoRA matrices.", ge=1)]
Workers = Annotated[int, option(..., "Processes that draw samples.", ge=0)]
Precision = Annotated[
    Literal["no", "bf16", "fp16"], option(..., "no (float32), bf16 or fp16 (on a GPU).", metavar="NAME")
]
Every = Annotated[int, option(..., "Steps between checkpoints.", ge=1)]
PackFile = Annotated[Path, option(..., "The packed layouts ('smartmask data pack').", metavar="PACK")]
Curated = Annotated[Path, option(..., "The outlines of 'smartmask data curate'.", metavar="PARQUET")]


class LoopSettings(Settings):
    """Of every run of the trainer. A resumed run has to have them in common with its beginning, but for FREE."""

    steps: Steps = 1000
    minutes: float | None = option(None, "Wall-clock budget; ends the run if it comes first.", gt=0)
    batch: Batch = 64
    accumulate: int = option(1, "Batches whose gradients make one step.", ge=1)
    learning_rate: Rate = 1e-3
    weight_decay: Decay = 0.01
    ema: Ema = 0.0
    ema_every: int = option(1, "Steps between updates of the average, which lies in the CPU's memory.", ge=1)
    clip: Clip = 1.0
    precision: Precision = "no"
    gradient_checkpointing: bool = option(False, "Make activations again instead of keeping them, to save memory.")
    shard: bool = option(False, "Share weights and optimiser out among the processes (FSDP).")
    profile: bool = option(False, "Count a step's operations; tell step time, memory and utilisation at the end.")
    workers: Workers = 0
    seed: int = option(0, "Of samples, weights and noise.", ge=0)
    resume: bool = option(True, "Go on from --out's newest checkpoint, or start anew.")
    save_every: Every = 500
    sample_every: int = option(500, "Steps between looks at the development split.", ge=1)


class TrainSettings(LoopSettings):
    """Of every training command."""

    out: Path = required("Checkpoints, logs, samples and the trained component.", metavar="DIR")


class TextSettings(Settings):
    """Of what reads names."""

    text: Path | None = option(None, "A text component; default: the bundled one.", metavar="DIR")

    @property
    def text_folder(self) -> Path:
        """The text component, the bundled one where none is given."""
        return self.text or BUNDLED_TEXT


class ChooserSettings(TrainSettings, TextSettings):
    """Of the chooser."""

    data: PackFile
    steps: Steps = 3000
    batch: Annotated[int, option(..., "Groups of like objects a step.", ge=1)] = 8
    learning_rate: Rate = 1.5e-3
    weight_decay: Decay = 0.1
    ema: Ema = 0.995
    precision: Precision = "bf16"


class PlaceConfig(LoopSettings):
    """Of places, wherever they are trained. contrasts: candidates beside each real box."""

    steps: Steps = 500
    batch: Annotated[int, option(..., "Targets a step, of each voter.", ge=1)] = 64
    learning_rate: Rate = 2e-3
    weight_decay: Decay = 0.1
    ema: Ema = 0.99
    clip: Clip = 0.0
    contrasts: int = internal(19, "Candidates beside each real box.", ge=1)
    voters: int = internal(4, "Networks that vote.", ge=1)
    hidden: int = internal(64, "Width of each.", ge=1)


class PlaceSettings(PlaceConfig, TrainSettings, TextSettings):
    """Of ``train place``."""

    data: PackFile


class PlannerSettings(TrainSettings, TextSettings):
    """Of the next-object network."""

    data: PackFile
    captions: Path | None = option(None, "COCO captions: more scenes, known by what is said of them.", metavar="JSON")
    steps: Steps = 3000
    batch: Batch = 48
    learning_rate: Rate = 1.5e-3
    weight_decay: Decay = 0.05


class StuffSettings(TrainSettings, TextSettings):
    """Of the stuff field."""

    data: PackFile
    steps: Steps = 3000
    batch: Batch = 32
    learning_rate: Rate = 2e-3
    weight_decay: Decay = 0.02


class JudgeRecipe(LoopSettings):
    """Of the evaluation network. least: objects that a class needs in the training set to be one of the judge's."""

    steps: Steps = 6000
    learning_rate: Rate = 2e-3
    weight_decay: Decay = 0.02
    clip: Clip = 0.0
    width: int = internal(32, "Channels of its first layer.", ge=4)
    least: int = option(100, "Training objects that a class needs.", ge=1)


class VisionSettings(TrainSettings):
    """Of the vision-language planner."""

    data: Path = required("Instructions ('smartmask data instruct').", metavar="DIR")
    base: str = required("The LLaVA-like model to adapt: a folder or hub name.", metavar="NAME")
    check: Path | None = option(None, "Instructions of unseen scenes: their loss before and after.", metavar="DIR")
    steps: Steps = 2000
    batch: Batch = 8
    learning_rate: Rate = 2e-4
    precision: Precision = "bf16"
    rank: int = option(16, "Of the LoRA matrices.", ge=1, le=512)
    dropout: float = option(0.05, "Share of the matrices' inputs left out.", ge=0, lt=1)
    save_every: Every = 100


class ShardSettings(Settings):
    """Of what may be trained on shards."""

    lanes: int = option(
        32, "Of shards: places read side by side; nothing is read twice if processes x workers x batch / 8 divides it.",
        ge=1, le=65536,
    )  # fmt: skip


class BrushSettings(TrainSettings, TextSettings):
    """What SmartBrush's commands share."""

    sources: str = option("", "Sets of a folder of sets, separated by commas; none: coco_instances,pennfudan.")
    batch: Batch = 8
    precision: Precision = "bf16"

    @property
    def source_names(self) -> list[str]:
        """``sources`` as a list."""
        return [name.strip() for name in self.sources.split(",") if name.strip()]


class InpaintSettings(BrushSettings, ShardSettings):
    """Of SmartBrush. Presets other than sd start from nothing."""

    data: Path | str = required(
        "A folder of sets (coco/, pennfudan/), COCO's own folder, or shards of photographs: a folder or an address.",
        metavar="PLACE",
    )  # fmt: skip
    captions: tuple[Path, ...] = option(
        (), "Captions by a model ('data caption'), of pictures or segments, a file or folder.", metavar="PATH"
    )
    preset: str = option("small", "tiny, small, or sd (needs --base).")
    base: str = option("", "A Stable Diffusion folder or hub name to start from.", metavar="NAME")
    lora: Lora = False
    rank: Rank = 16
    steps: Steps = 5000
    learning_rate: float = option(0.0, "Peak rate; 0: 5e-4, and for sd 1e-5, with --lora 1e-4.", ge=0)
    ema: Ema = 0.998
    workers: Workers = 1
    save_every: Every = 250
    without: tuple[str, ...] = internal((), "Names of the paper's parts to leave out.")

    @property
    def peak(self) -> float:
        """The learning rate, the preset's own where none is given."""
        usual = 5e-4 if self.preset != "sd" else 1e-4 if self.lora else 1e-5
        return self.learning_rate or usual


class AblationSettings(BrushSettings):
    """Of SmartBrush whole and with each part left out."""

    data: Path = required("A folder of sets (coco/, pennfudan/), or COCO's own folder.", metavar="PATH")
    preset: str = option("tiny", "tiny or small.")
    steps: Annotated[int, option(..., "Optimiser steps of each variant.", ge=1)] = 1000
    learning_rate: Rate = 5e-4
    ema: Ema = 0.995
    objects: int = option(40, "Held-out objects at most.", ge=1)


class LatentRunSettings(TrainSettings, TextSettings):
    """What the commands of SmartMask as published share. Numbers that are 0 or not given are the preset's."""

    data: Path | str = required("The packed layouts, or shards of them: a folder or an address.", metavar="PLACE")
    preset: str = option("tiny", "tiny, sd15 or sd21.")
    base: str | None = option(
        None, "The Stable Diffusion folder or hub name to start from, if not the preset's own.", metavar="NAME"
    )
    lora: Lora = False
    rank: Rank = 16
    random_weights: bool = option(False, "Start from random weights of the preset's size, to measure without its base.")
    steps: Steps = 20000
    batch: int = option(0, "Samples of one process in a batch; 0: the preset's.", ge=0)
    learning_rate: float = option(0.0, "Peak learning rate; 0: the preset's.", ge=0)
    ema: float = option(-1.0, "Decay of the weights' moving average, which is saved; 0: none, -1: the preset's.", lt=1)
    side: int = option(0, "Pixels of the canvas; 0: the preset's.", ge=0)
    save_every: Every = 500
    sample_every: int = option(2000, "Steps between looks at the development split.", ge=1)


class LatentTrainSettings(LatentRunSettings, ShardSettings):
    """Of SmartMask as published."""

    frame: float = option(0.0, "Times the object's side that the canvas spans; 0: the whole scene, as published.", ge=0)
    share: int = option(100, "Per cent of the training pictures, by a hash of their keys.", ge=1, le=100)
    without: tuple[str, ...] = internal((), "What to leave out: guides, context.")

    def filled(self, learning_rate: float, ema: float, batch: int) -> dict[str, Any]:
        """What the settings leave to the preset."""
        return {
            "learning_rate": self.learning_rate or learning_rate * (10 if self.lora else 1),
            "ema": ema if self.ema < 0 else self.ema,
            "batch": self.batch or batch,
        }


class LatentAblationSettings(LatentRunSettings):
    """Of SmartMask as published, whole and with one thing changed at a time: the same steps, samples and seeds."""

    data: PackFile
    steps: Steps = 2000
    arms: str = option("", "Of whole, frame, no-guides, no-context, data-10, data-30; none: all.", metavar="LIST")
    frame: float = option(3.0, "Times the object's side that the canvas of the arm 'frame' spans.", ge=1.5)
    guidance: str = option("box,none", "Kinds of guides that all arms are asked with.", metavar="LIST")
    objects: int = option(60, "Development objects at most.", ge=1)
    num_masks: int = option(4, "Masks an object.", ge=2)
    sampler_steps: int = option(0, "Denoising steps at a call; 0: the preset's.", ge=0)

    @property
    def arm_names(self) -> list[str]:
        """``arms`` as a list."""
        return [name.strip() for name in self.arms.split(",") if name.strip()]


class LatentLcmSettings(TrainSettings):
    """Of distilling a trained model of SmartMask as published to a few steps."""

    data: PackFile
    teacher: str = required("The trained model: a folder or hub name.", metavar="NAME")
    steps: Steps = 2000
    batch: Batch = 8
    learning_rate: Rate = 3e-5
    ema: Ema = 0.95
    lora: bool = option(False, "Train LoRA matrices of the U-Net, merged at the end, instead of all of it.",
                        flags=("--lora",))  # fmt: skip
    rank: int = option(64, "Of the LoRA matrices.", ge=1, le=512)
    few: int = option(4, "Steps at a call, unless it asks otherwise.", ge=1, le=50)
    guidance_scale: float = option(-1.0, "Weight of the name that is distilled; -1: the teacher's own.", ge=-1)
    context_guidance_scale: float = option(-1.0, "The same of the context.", ge=-1)
    save_every: Every = 500


class MemorySettings(TextSettings):
    """Of the memory."""

    curated: Curated
    data: PackFile
    out: Path = required("The component is 'memory' in it.", metavar="DIR")
    chooser: Path = required("The 'chooser' component that will read them.", metavar="DIR")


class BundleSettings(TextSettings):
    """Of putting components together."""

    chooser: Path = required("The 'chooser' component.", metavar="DIR")
    memory: Path = required("The 'memory' component.", metavar="DIR")
    place: Path = required("The 'place' component.", metavar="DIR")
    out: Path = required("The pipeline folder; an existing one is replaced.", metavar="DIR")


class VocabularySettings(Settings):
    """Of the text vocabulary."""

    data: Path = required("Folder with clip_names/ and the captions.", metavar="DIR")
    out: Path = required("The trained component.", metavar="DIR")


class TraitSettings(Settings):
    """Of the traits."""

    curated: Curated
    out: Path | None = option(None, "Write the scores as JSON.", metavar="FILE")
