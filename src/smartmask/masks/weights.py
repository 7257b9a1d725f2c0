"""Which weights and remembered outlines a call uses: said before anything heavy is imported, read when first used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smartmask.io.checks import check_licences

if TYPE_CHECKING:
    from smartmask.masks.pipeline import SmartMaskPipeline


@dataclass(frozen=True)
class Weights:
    """What ``SmartMaskPipeline.from_pretrained`` takes.

    folder: of weights; None for the bundled ones. licences: "all" or "open". memory: the folder of the user's own
    outlines; None for the standard one.
    """

    folder: Path | None = None
    licences: str = "all"
    memory: Path | None = None

    def checked(self) -> Weights:
        """Itself. Raises ValueError for unknown licences and for folders that do not exist or hold no weights."""
        check_licences(self.licences)
        if self.folder is not None and not (self.folder / "model_index.json").is_file():
            trouble = "has no model_index.json" if self.folder.is_dir() else "does not exist"
            raise ValueError(f"The weights folder '{self.folder}' {trouble}; give a folder that save_pretrained wrote.")
        if self.memory is not None and not self.memory.is_dir():
            trouble = "is a file" if self.memory.exists() else "does not exist"
            raise ValueError(f"The memory folder '{self.memory}' {trouble}; 'smartmask memory add' makes one.")
        return self

    def load(self) -> SmartMaskPipeline:
        """The pipeline. Raises ValueError, naming the file, if something is missing or damaged."""
        from smartmask.masks.pipeline import SmartMaskPipeline

        return SmartMaskPipeline.from_pretrained(self.folder, licences=self.licences, memory=self.memory)

    def describe(self) -> dict[str, Any]:
        """For result.json."""
        return {
            "weights": None if self.folder is None else str(self.folder),
            "licences": self.licences,
            "memory": None if self.memory is None else str(self.memory),
        }
