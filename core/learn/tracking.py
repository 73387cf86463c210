"""A training noted in MLflow, for those who keep their experiments there: an optional extra, local by default.

The contract: nothing is sent anywhere unless ``MLFLOW_TRACKING_URI`` says so; without the extra, asking for it is an
error before any work is done, never after it.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import SettingsError

EXPERIMENT = "benthoscope"


def check_tracking() -> None:
    """Whether MLflow is there.

    Raises:
        SettingsError: it is not installed.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise SettingsError("--track needs MLflow, which is not here; install benthoscope[tracking], or leave it out")


def track(folder: Path, facts: Mapping[str, Any], store: Path) -> str:
    """Note a finished training: settings, figures, the loss of every epoch, the model card.

    Args:
        folder: The model's.
        facts: Its ``model.json``.
        store: Folder of MLflow's local files, where ``MLFLOW_TRACKING_URI`` names nothing else.

    Returns:
        MLflow's id of the run.
    """
    import mlflow

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # a folder needs no database and no server
        store.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(store.resolve().as_uri())
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=str(facts["name"])) as run:
        mlflow.log_params({name: str(value)[:500] for name, value in _flat(facts["settings"])})
        validation = facts["figures"]["validation"]
        if validation["mean_average_precision"] is not None:
            mlflow.log_metric("mean_average_precision", validation["mean_average_precision"])
        for name in ("ece_before", "ece_after"):
            if facts["calibration_facts"][name] is not None:
                mlflow.log_metric(name, facts["calibration_facts"][name])
        figures = facts["figures"]
        curves = figures.get("training_curves", [figures["training_curve"]] if "training_curve" in figures else [])
        for place, curve in enumerate(curves):
            fold = f"fold_{place + 1}_" if len(curves) > 1 else ""
            for epoch, (learnt, watched) in enumerate(curve["losses"]):
                mlflow.log_metrics({f"{fold}loss": learnt, f"{fold}validation_loss": watched}, step=epoch + 1)
        for file in ("model.json", "MODEL_CARD.md"):
            mlflow.log_artifact(str(folder / file))
        return str(run.info.run_id)


def _flat(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in data.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(prefix + name, value)]
    return found
