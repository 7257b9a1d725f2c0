"""Which weights and remembered outlines a call uses: said before anything heavy is imported, read when first used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from smartmask.io.checks import check_licences
from smartmask.io.hub import model_folder
from smartmask.io.settings import Settings, option

if TYPE_CHECKING:
    from smartmask.masks.pipeline import SmartMaskPipeline


class WeightsFolder(Settings):
    """A folder of weights."""

    weights: Path | None = option(
        None, "Weights to use instead of the bundled ones: a folder or hub name.", metavar="FOLDER"
    )


class OwnMemory(Settings):
    """Where outlines of the user's own lie."""

    memory: Path | None = option(
        None, "Outlines of your own ('smartmask memory add'), if not in the standard folder.", metavar="DIR"
    )


class Weights(WeightsFolder, OwnMemory):
    """What ``SmartMaskPipeline.from_pretrained`` takes."""

    licences: str = option(
        "all", "Which remembered outlines are used: all, or those under open licences only.", metavar="all|open"
    )

    def checked(self) -> Self:
        """Itself. Raises ValueError for unknown licences and for folders that do not exist or hold no weights."""
        check_licences(self.licences)
        if self.weights is not None:
            folder = model_folder(self.weights, "weights folder")
            if folder is not None and not (folder / "model_index.json").is_file():
                raise ValueError(f"The weights folder '{folder}' has no model_index.json; give one of save_pretrained.")
        if self.memory is not None and not self.memory.is_dir():
            trouble = "is a file" if self.memory.exists() else "does not exist"
            raise ValueError(f"The memory folder '{self.memory}' {trouble}; 'smartmask memory add' makes one.")
        return self

    def load(self) -> SmartMaskPipeline:
        """The pipeline. Raises ValueError, naming the file, if something is missing or damaged."""
        from smartmask.masks.pipeline import SmartMaskPipeline

        return SmartMaskPipeline.from_pretrained(self.weights, licences=self.licences, memory=self.memory)

    def described_weights(self) -> dict[str, Any]:
        """For result.json."""
        return {
            "weights": None if self.weights is None else str(self.weights),
            "licences": self.licences,
            "memory": None if self.memory is None else str(self.memory),
        }
