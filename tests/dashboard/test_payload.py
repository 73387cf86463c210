"""What reaches a browser component is plain JSON, or an error."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.payload import to_json

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


@given(VALUES)
def test_plain_values_survive_and_nothing_invalid_is_left(value):
    text = json.dumps(to_json(value), allow_nan=False)
    assert to_json(json.loads(text)) == json.loads(text)


def test_numpy_and_pandas_values_become_plain():
    sent = to_json(
        {
            "int": np.int64(3),
            "float": np.float32(0.5),
            "bool": np.bool_(True),
            "nan": np.float32("nan"),
            "inf": float("inf"),
            "array": np.arange(3),
            "pair": (1, np.nan),
            "time": pd.Timestamp("2020-01-02T03:04Z"),
            "nat": pd.NaT,
            "na": pd.NA,
            "day": date(2020, 1, 2),
            "aware": datetime(2020, 1, 2, tzinfo=UTC),
            "none64": np.datetime64("NaT"),
        }
    )
    assert sent == {
        "int": 3,
        "float": 0.5,
        "bool": True,
        "nan": None,
        "inf": None,
        "array": [0, 1, 2],
        "pair": [1, None],
        "time": "2020-01-02T03:04:00+00:00",
        "nat": None,
        "na": None,
        "day": "2020-01-02",
        "aware": "2020-01-02T00:00:00+00:00",
        "none64": None,
    }
    assert type(sent["int"]) is int
    assert type(sent["bool"]) is bool


@pytest.mark.parametrize("value", [b"bytes", {"x": b"bytes"}, Path("/etc"), {1: "x"}, {"s": {1, 2}}, 1j, [object()]])
def test_anything_else_is_refused(value):
    with pytest.raises(TypeError):
        to_json(value)
