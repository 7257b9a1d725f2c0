"""``/openapi.json``: the requests' schemas and examples, from the same table as the routes."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from smartmask.studio.intake import REQUEST
from smartmask.studio.tasks.service import Service
from smartmask.studio.tasks.table import SERVICES

_OURS = ("kind", "flags", "metavar")  # of settings, for commands
_ERROR = {
    "type": "object", "required": ["error"],
    "properties": {"error": {"type": "object", "required": ["code", "message"], "properties": {
        "code": {"type": "string"}, "message": {"type": "string", "description": "One sentence."}}}},
}  # fmt: skip
ABOUT = (
    "Masks of where and how objects could stand in scenes, insertion, removal, layouts. Bodies are the settings of "
    "the commands. With 'Prefer: respond-async' a request becomes a job; with 'Accept: text/event-stream' its "
    "progress is told."
)
_REFUSALS = {
    400: "The form cannot be read.", 401: "There is no key, or no session.", 403: "Asked from elsewhere.",
    404: "There is no such file, job or session.", 409: "Cancelled.", 413: "Too large.", 415: "Of another type.",
    422: "Bad input, in one sentence.", 429: "Too many requests wait.", 500: "Failed.", 503: "A model is not at hand.",
}  # fmt: skip


def describe(app: FastAPI) -> None:
    """Makes ``/openapi.json`` of the app tell what its requests take."""

    def made() -> dict[str, Any]:
        if app.openapi_schema is None:
            told = get_openapi(title=app.title, version=app.version, routes=app.routes, description=ABOUT)
            schemas = told.setdefault("components", {}).setdefault("schemas", {})
            schemas["Error"] = _ERROR
            for path, methods in told["paths"].items():
                for route in methods.values():
                    _answers(route, path)
            for service in SERVICES:
                _add(told["paths"][f"/v1/{service.name}"]["post"], service, schemas)
            _upload(told["paths"]["/v1/files"]["post"])
            app.openapi_schema = told
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]


def _answers(route: dict[str, Any], path: str) -> None:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    route["responses"] = {"200": {"description": "Answered."}}
    route["responses"] |= {str(code): {"description": text, "content": content} for code, text in _REFUSALS.items()}
    if path == "/v1/sessions" or (path == "/v1/files" and "requestBody" not in route):
        route["responses"]["201"] = {"description": "Made."}
    route["responses"]["202"] = {"description": "Accepted as a job."}
    route["responses"]["204"] = {"description": "Gone."}


def _add(route: dict[str, Any], service: Service, schemas: dict[str, Any]) -> None:
    schema = _plain(service.body.model_json_schema(ref_template="#/components/schemas/{model}"))
    schemas |= schema.pop("$defs", {})
    name = service.body.__name__
    schemas[name] = schema
    reference = {"$ref": f"#/components/schemas/{name}"}
    form = {
        "type": "object",
        "properties": {
            REQUEST: {**reference},
            **{part: {"type": "string", "format": "binary"} for part in service.pictures},
        },
    }
    content: dict[str, Any] = {"application/json": {"schema": reference, "example": service.example}}
    if service.pictures:
        content["multipart/form-data"] = {
            "schema": form, "encoding": {REQUEST: {"contentType": "application/json"}},
        }  # fmt: skip
    route["summary"] = service.summary
    route["requestBody"] = {"required": True, "content": content}


def _upload(route: dict[str, Any]) -> None:
    picture = {"schema": {"type": "string", "format": "binary"}}
    route["requestBody"] = {"required": True, "content": {kind: picture for kind in ("image/png", "image/jpeg", "*/*")}}


def _plain(value: Any) -> Any:
    """A schema without what only commands read."""
    if isinstance(value, dict):
        return {
            key: _plain(one) for key, one in value.items() if key not in _OURS or not isinstance(one, str | list | None)
        }
    return [_plain(one) for one in value] if isinstance(value, list) else value
