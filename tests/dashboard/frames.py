"""Small tables of a run, as the pipeline writes them, for summaries and figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def table(rows: int = 6, **columns: Any) -> pd.DataFrame:
    """``rows`` images, one a group, half of them reference; any column can be given."""
    half = rows // 2
    base: dict[str, Any] = {
        "region_id": np.arange(1, rows + 1),
        "image_id": np.arange(1, rows + 1),
        "dataset": ["d"] * rows,
        "path": [f"a/{i}.jpg" for i in range(rows)],
        "region": ["image"] * rows,
        "box_x": np.nan,
        "box_y": np.nan,
        "box_w": np.nan,
        "box_h": np.nan,
        "width": 320,
        "height": 180,
        "taken_at": pd.date_range("2020-01-01", periods=rows, freq="D", tz="UTC"),
        "latitude": np.linspace(36, 37, rows),
        "longitude": np.linspace(-123, -122, rows),
        "depth_m": np.linspace(0, 1000, rows),
        "camera": ["c"] * rows,
        "site": ["s"] * rows,
        "group": [f"dive {i}" for i in range(rows)],
        "labelled": [True] * rows,
        "concepts": [["crab"]] * rows,
        "set": ["reference"] * half + ["target"] * (rows - half),
        "ood_score": np.linspace(0.1, 0.9, rows),
        "ood_percentile": np.linspace(0, 100, rows),
        "p_value": np.linspace(1, 0.01, rows),
        "flagged": [False] * half + [True] * (rows - half),
        "cluster": np.arange(rows) - 1,
    }
    frame = pd.DataFrame({name: value for name, value in base.items() if name not in columns})
    for name, value in columns.items():
        frame[name] = value
    return frame
