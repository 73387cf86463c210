"""Tracking is an extra: it works where it is installed, and is refused before any work where it is not."""

from __future__ import annotations

import importlib.util

import pytest

from core.errors import SettingsError
from core.learn.recipes import preset_settings
from core.learn.tracking import track
from core.learn.training import train_model
from tests.core.learn.conftest import BODY


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="MLflow is installed")
def test_without_the_extra_it_is_refused_before_any_work(learnt):
    def never(stage, unit):
        raise AssertionError("work began")

    with pytest.raises(SettingsError, match=r"benthoscope\[tracking\]"):
        train_model(
            learnt[0], preset_settings("probe", ("dives",), BODY), "x", tracked=True, workers=1, progress_for=never
        )


def test_with_the_extra_a_training_is_noted_in_local_files(learnt, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    run = track(learnt[1].folder, learnt[1].facts, tmp_path)
    assert list(tmp_path.glob(f"*/{run}/metrics/mean_average_precision"))
    assert list(tmp_path.glob(f"*/{run}/artifacts/MODEL_CARD.md"))
