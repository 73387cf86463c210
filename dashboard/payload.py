"""The one door through which data reaches a browser component.

Streamlit turns a payload that holds a numpy scalar, a nested byte string or NaN into a string or into invalid JSON
without a word. Here such values are converted on purpose, and whatever has no plain JSON form raises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

Json = None | bool | int | float | str | list[Any] | dict[str, Any]


def to_json(value: Any) -> Json:
    """Plain JSON of nested mappings, sequences, numpy values and times; NaN, infinities, NaT and NA become null.

    Raises:
        TypeError: a value of any other type, or a key that is not text.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.generic):
        return None if isinstance(value, np.datetime64) and np.isnat(value) else to_json(value.item())
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"keys sent to the browser are text, got {list(value)[:3]!r}")
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [to_json(item) for item in value]
    raise TypeError(f"a {type(value).__name__} cannot be sent to the browser")
