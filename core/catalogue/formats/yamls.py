"""YAML documents of strangers: plain data only, no objects, no references that blow a small file up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.catalogue.formats.decoding import decode, read_bytes
from core.catalogue.formats.report import Report
from core.errors import FormatError


def load_yaml(source: Path, report: Report) -> Any:
    """Any YAML document. Times stay text, as written; aliases are refused, as nested ones grow without end.

    Raises:
        FormatError: the file cannot be read, is not YAML, is nested too deeply, or refers to its own parts.
    """
    text = decode(read_bytes(source), source.name, report).removeprefix("\ufeff")
    return parse_yaml(text, source.name)


def parse_yaml(text: str, name: str) -> Any:
    """The same from text."""
    import yaml

    class Plain(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
        """Builds numbers, texts, lists and mappings alone."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise FormatError(f"{name} refers to its own parts (&, *), which is not read; write the values out")
            return super().compose_node(parent, index)

    Plain.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        return yaml.load(text, Loader=Plain)  # noqa: S506 - a subclass of the safe loader
    except RecursionError:
        raise FormatError(f"{name} is nested too deeply to be a file of annotations") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}" if place is not None else ""
        raise FormatError(f"{name} is not YAML{where}; it may have been cut short") from None
