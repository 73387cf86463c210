"""Conditions as text, ``FIELD OP VALUE``: the subset of selections that the command line speaks.

The contract: the parser executes nothing, and what it cannot read it refuses in one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.catalogue.selections import And, Between, Compare, Contains, Missing, Node, Not, OneOf
from core.errors import SelectionError

_COMPARED = re.compile(r"^\s*(?P<field>[^<>=!~]+?)\s*(?P<op><=|>=|!=|==|=|<|>|~)\s*(?P<value>.*?)\s*$", re.DOTALL)
_WORDED = re.compile(
    r"^\s*(?P<field>\S+)\s+(?P<op>in|between|missing|present)\b\s*(?P<value>.*?)\s*$", re.DOTALL | re.IGNORECASE
)


def parse(text: str) -> Node:
    """Read one condition.

    ``FIELD OP VALUE`` with OP one of ``= != < <= > >= ~`` (``~`` means contains), ``FIELD in A,B``,
    ``FIELD between LOW..HIGH``, ``FIELD missing``, ``FIELD present``. A value may stand in quotes.

    Raises:
        SelectionError: the text is none of these.
    """
    worded = _WORDED.match(text)
    if worded:
        return _worded(worded["field"], worded["op"].lower(), worded["value"], text)
    compared = _COMPARED.match(text)
    if not compared or not compared["value"]:
        raise SelectionError(
            f"a condition is written FIELD OP VALUE, for example depth_m<800 or camera=16:9, got {text!r}"
        )
    name, op, value = compared["field"], compared["op"], _unquoted(compared["value"])
    if op == "~":
        return Contains(name, value)
    if op == "!=":
        return Not(Compare(name, "=", value))
    return Compare(name, "=" if op == "==" else op, value)  # type: ignore[arg-type]


def _worded(name: str, op: str, value: str, text: str) -> Node:
    if op in ("missing", "present"):
        if value:
            raise SelectionError(f"nothing may follow {op!r}, got {text!r}")
        return Missing(name) if op == "missing" else Not(Missing(name))
    if op == "between":
        low, dots, high = value.partition("..")
        if not dots or not low.strip() or not high.strip():
            raise SelectionError(f"a range is written FIELD between LOW..HIGH, got {text!r}")
        return Between(name, _unquoted(low.strip()), _unquoted(high.strip()))
    values = tuple(_unquoted(part.strip()) for part in value.split(",") if part.strip())
    if not values:
        raise SelectionError(f"a list is written FIELD in A,B, got {text!r}")
    return OneOf(name, values)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'" else value


def parse_all(conditions: Iterable[str]) -> Node:
    """All of the conditions together; none of them means every region."""
    return And(tuple(parse(condition) for condition in conditions))
