"""Records: the one form of a result. What ``result.json`` says is a class, its keys explained there alone."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer


class Record(BaseModel):
    """A part of a result. optional: keys that are left out where they are None."""

    optional: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        return {key: value for key, value in found.items() if value is not None or key not in self.optional}


class Size(Record):
    """Of a scene or a picture, in pixels."""

    width: int
    height: int
