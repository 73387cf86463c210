"""Conditions for people: ``depth_m<800`` is said as *depth less than 800 m*."""

from __future__ import annotations

from collections.abc import Iterable

from core.catalogue.conditions import parse
from core.catalogue.selections import ALIASES, Between, Compare, Contains, Missing, Node, Not, OneOf, Scalar
from core.errors import SelectionError

_NAMES = {
    "depth_m": ("depth", " m"),
    "altitude_m": ("height over ground", " m"),
    "taken_at": ("date", ""),
    "concepts": ("concept", ""),
    "ood_score": ("score", ""),
    "path": ("file name", ""),
}
_SIDES = {"=": "{}", "<": "below {}", "<=": "at most {}", ">": "above {}", ">=": "at least {}"}
_MOMENTS = {"=": "{}", "<": "before {}", "<=": "up to {}", ">": "after {}", ">=": "from {}"}
_DEPTHS = {"=": "{}", "<": "less than {}", "<=": "at most {}", ">": "more than {}", ">=": "at least {}"}
"""Below 800 m is deeper to whoever goes to sea, and less to whoever counts."""


def in_words(conditions: Iterable[str], otherwise: str) -> str:
    """All of the conditions in one phrase, or `otherwise` without any; what cannot be read stays as it was written."""
    return " and ".join(_said(condition) for condition in conditions) or otherwise


def _said(condition: str) -> str:
    try:
        return _of(parse(condition)) or condition
    except SelectionError:
        return condition


def _of(node: Node) -> str:
    """One node of those that a condition's text can make; empty for any other."""
    if isinstance(node, Not):
        return _refused(node.part)
    if isinstance(node, Compare):
        name, unit = _name(node.field)
        sides = {"date": _MOMENTS, "depth": _DEPTHS}.get(name, _SIDES)
        return f"{name} {sides[node.op].format(_value(node.value) + unit)}"
    if isinstance(node, OneOf):
        name, unit = _name(node.field)
        return f"{name} {' or '.join(_value(value) + unit for value in node.values)}"
    if isinstance(node, Between):
        name, unit = _name(node.field)
        return f"{name} from {_value(node.low)} to {_value(node.high)}{unit}"
    if isinstance(node, Contains):
        return f"{_name(node.field)[0]} containing “{node.text}”"
    return f"no {_name(node.field)[0]} known" if isinstance(node, Missing) else ""


def _refused(node: Node) -> str:
    if isinstance(node, Missing):
        return f"{_name(node.field)[0]} known"
    if isinstance(node, Compare) and node.op == "=":
        name, unit = _name(node.field)
        return f"{name} not {_value(node.value)}{unit}"
    return ""


def _name(field: str) -> tuple[str, str]:
    """A field's name in words, and its unit."""
    column = ALIASES.get(field.lower(), field)
    return _NAMES.get(column, (column.replace("_", " "), ""))


def _value(value: Scalar) -> str:
    return value if isinstance(value, str) else f"{value:g}"
