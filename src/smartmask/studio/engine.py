"""What the service offers: its models, each loaded when it is first asked for, once for all sessions."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smartmask.insertion.inpainter import Inpainter
from smartmask.io.package import VERSION
from smartmask.io.sentences import short_repr
from smartmask.studio.settings import PASTE, ServeSettings

if TYPE_CHECKING:
    from smartmask.masks.pipeline import SmartMaskPipeline
    from smartmask.plan.layouts.stuff import StuffField


class Engine:
    """The models of a service. Loading one makes others that need it wait; asking does not."""

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self._pipeline: SmartMaskPipeline | None = None
        self._field: StuffField | None = None
        self._inpainters: dict[tuple[Any, ...], Inpainter] = {}
        self._lock = threading.RLock()

    @property
    def is_ready(self) -> bool:
        """Whether the mask model is loaded."""
        return self._pipeline is not None

    @property
    def pipeline(self) -> SmartMaskPipeline:
        """The mask model's pipeline. Raises ValueError, naming the file, if its weights are damaged."""
        with self._lock:
            if self._pipeline is None:
                self._pipeline = self.settings.load()
        return self._pipeline

    @property
    def field(self) -> StuffField:
        """The network of surfaces, for layouts."""
        with self._lock:
            if self._field is None:
                from smartmask.plan.layouts.stuff import load_field

                self._field = load_field()
        return self._field

    def inpainter(self, name: str, options: dict[str, Any]) -> Inpainter:
        """The model of a name that the service offers; ``options`` go to its loader, each set of them once.

        Raises ValueError for another name, ModelMissingError where it is not at hand.
        """
        from smartmask.insertion.load import load_inpainter

        offered = self.settings.inpainters
        if name not in offered:
            listed = ", ".join([PASTE, *offered])
            raise ValueError(f"There is no inserter {short_repr(name)} here; this service offers {listed}.")
        if self.settings.device is not None:
            options = {"device": self.settings.device, **options}
        key = (name, *sorted(options.items()))
        with self._lock:
            if key not in self._inpainters:
                self._inpainters.clear()  # one model in memory at a time: a second would not fit beside most
                self._inpainters[key] = load_inpainter(offered[name], **options)
            return self._inpainters[key]

    def models(self) -> dict[str, Any]:
        """What there is, for people and programs."""
        chosen = self.settings
        return {
            "version": VERSION,
            "masks": {
                "weights": "bundled" if chosen.weights is None else Path(chosen.weights).name,
                "licences": chosen.licences, "ready": self.is_ready,
            },
            "inpainters": [PASTE, *chosen.inpainters],
            "segmenter": chosen.segmenter is not None,
            "planners": ["given", "learned"],
        }  # fmt: skip
