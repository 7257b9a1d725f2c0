"""YAML that people write: plain names and values, and nothing of what else YAML can be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from smartmask.io.reading import read_text
from smartmask.io.sentences import reason_of, short_repr

_FLOAT = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")


def read_settings_yaml(path: str | Path, what: str = "config", nested: bool = False) -> dict[str, Any]:
    """``{name: text, number, true or false}`` of a YAML file; 1e-5 is a number.

    nested: values may be such mappings themselves. Raises ValueError of one sentence for what is no YAML, for a name
    written twice, for lists, and for values that are none.
    """
    import yaml

    class Plain(yaml.SafeLoader):
        """Scalars alone: dates stay texts."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - the library's own form
            first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith("timestamp")]
            for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    Plain.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
    loader = Plain("")

    def read(node: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            inner = nested and isinstance(value, yaml.MappingNode)
            if not isinstance(key, yaml.ScalarNode) or not (inner or isinstance(value, yaml.ScalarNode)):
                raise ValueError(f"the value of {short_repr(str(key.value))} is no text, number, true or false")
            if key.value in found:
                raise ValueError(f"{short_repr(key.value)} is written twice")
            found[key.value] = read(value) if inner else loader.construct_object(value)
            if found[key.value] is None:
                raise ValueError(f"{short_repr(key.value)} has no value")
        return found

    text = read_text(path, what, "a YAML file")
    try:
        node = yaml.compose(text, Loader=Plain)
        if not isinstance(node, yaml.MappingNode):
            raise ValueError("it is no list of 'name: value'")
        return read(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"The {what} '{path}' cannot be read: {reason_of(error)}.") from None
