"""Detectors of a run as pages see them: kNN, those stored with the run, and others made for the look of it.

The contract:
- a run's own columns are shown as they were written; a detector that the run lacks is fitted and calibrated from the
  run's embeddings by the same rules, kept for this server alone, and said to be;
- detectors of logits read the newest stored predictions that cover the run;
- whatever the detector, its table has the columns of the run's own score (``ood_score``, ``ood_percentile``,
  ``p_value``, ``flagged``), so that every summary and figure works on it; larger is stranger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.ood.registry import DETECTORS, SUGGESTED
from dashboard import cached, state, summaries

if TYPE_CHECKING:
    import pandas as pd

    from core.learn.predictions import PredictionSet
    from core.runs import Run
    from core.workspace import Workspace

KNN = "knn"
MOST_REGIONS = 60_000
"""Larger runs show the detectors that were stored with them, for a page must not work for minutes."""


@dataclass(frozen=True)
class Said:
    """What one detector says of a run's N regions.

    Attributes:
        score, p_value: ``[N]`` float64, NaN where nothing was judged.
        flagged: ``[N]`` bool.
        facts: As `core.runs.Run.manifest` has them under ``flag``.
        stored: Whether this is part of the run.
    """

    score: np.ndarray
    p_value: np.ndarray
    flagged: np.ndarray
    facts: Mapping[str, Any]
    stored: bool


def stored(run: Run) -> list[str]:
    """The detectors of a run, kNN first."""
    return [KNN, *run.manifest.get("detectors", {})]


def offered(run: Run) -> list[str]:
    """The detectors that can be looked at: the run's own, then those that can be made here."""
    own = stored(run)
    if len(run.table) > MOST_REGIONS or int(run.manifest.get("flag", {}).get("groups", 0)) < 2:
        return own
    logits = predictions(run) is not None
    return own + [name for name, made in DETECTORS.items() if name not in own and (logits or not made.needs_logits)]


def reads_logits(run: Run, name: str) -> bool:
    """Whether a detector made here reads a model's predictions."""
    return name not in stored(run) and DETECTORS[name].needs_logits


def predictions(run: Run) -> PredictionSet | None:
    """The newest stored predictions that hold logits of every region of the run; ``None`` where there are none.

    Looked for once a run until predictions are added or deleted.
    """
    from core.learn.predictions import predictions_folder

    space = state.workspace()
    folder = predictions_folder(space)
    changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
    found: PredictionSet | None = cached.computed(run, "predictions", (changed,), lambda: _newest(run, space))
    return found


def _newest(run: Run, space: Workspace) -> PredictionSet | None:
    from core.learn.predictions import list_predictions, open_predictions

    for info in list_predictions(space):
        if info.regions >= len(run.table) and cached.computed(
            run, "covered", (info.id,), lambda i=info.id: _covers(run, i)
        ):
            return open_predictions(space, info.id)
    return None


def _covers(run: Run, prediction_id: str) -> bool:
    return _logits(run, prediction_id) is not None


def _logits(run: Run, prediction_id: str) -> np.ndarray | None:
    """``[N, C]`` of the run's regions, in their order."""
    import pandas as pd

    from core.learn.predictions import open_predictions

    found = open_predictions(state.workspace(), prediction_id)
    places = pd.Index(found.rows["region_id"]).get_indexer(run.table["region_id"])
    if (places < 0).any():
        return None
    logits = np.asarray(found.logits[places])
    return logits if np.isfinite(logits).all() else None


def _served(run: Run, source: PredictionSet) -> np.ndarray | None:
    """``[N]`` bool, regions of groups that the model behind the predictions was made with; ``None`` if not told."""
    from core.learn.apart import served

    groups = source.manifest.get("groups")
    return None if groups is None else served(run.table, groups)


def _tag(run: Run, name: str) -> str:
    """The detector, and for one of logits the predictions that it reads: what is kept is kept under this."""
    if name in stored(run) or not DETECTORS[name].needs_logits:
        return name
    found = predictions(run)
    return f"{name} {found.id if found else ''}"


def title(name: str) -> str:
    """A detector's name for people."""
    return DETECTORS[name].title if name in DETECTORS else name.replace("_", " ")


def named(run: Run, name: str) -> str:
    """Its name in a box, with what there is to know when choosing."""
    remarks = [] if name in stored(run) else ["made here"]
    if name == KNN:
        remarks.append("the run's score")
    if name == SUGGESTED:
        remarks.append("suggested")
    return title(name) + (f" ({', '.join(remarks)})" if remarks else "")


def said(run: Run, name: str) -> Said:
    """What a detector says of the run, made once.

    Raises:
        CoreError: the detector cannot be fitted on this reference; the sentence says why.
    """
    found: Said = cached.computed(run, "detector", (_tag(run, name),), lambda: _said(run, name))
    return found


def _said(run: Run, name: str) -> Said:
    table, manifest = run.table, run.manifest
    if name in stored(run):
        prefix = "" if name == KNN else f"{name}_"
        score = table["ood_score" if name == KNN else f"{name}_score"].to_numpy(dtype=np.float64)
        facts = manifest.get("flag", {}) if name == KNN else manifest["detectors"][name]
        flagged = table[f"{prefix}flagged"].fillna(False).to_numpy(dtype=bool)
        return Said(score, table[f"{prefix}p_value"].to_numpy(dtype=np.float64), flagged, facts, True)
    from core.ood.halves import detect
    from core.stages import calibrating, group_codes

    logits = served = None
    if DETECTORS[name].needs_logits and (source := predictions(run)) is not None:
        logits, served = _logits(run, source.id), _served(run, source)
    alpha = float(manifest.get("flag", {}).get("alpha", 0.05))
    reference = summaries.is_reference(table)
    found = detect(
        DETECTORS[name],
        np.asarray(run.embeddings),
        reference,
        group_codes(table),
        alpha=alpha,
        logits=logits,
        served=served,
        counted=calibrating(table, reference),
    )
    return Said(found.score, found.p_value, found.flagged, found.facts, False)


def table(run: Run, name: str) -> pd.DataFrame:
    """The run's table with a detector's score, percentile, p-value and flags in place of kNN's; do not change it."""
    if name == KNN:
        return run.table
    found: pd.DataFrame = cached.computed(run, "detector table", (_tag(run, name),), lambda: _table(run, name))
    return found


def _table(run: Run, name: str) -> pd.DataFrame:
    from core.ood.conformal import percentiles
    from core.stages import calibrating

    found, reference = said(run, name), calibrating(run.table, summaries.is_reference(run.table))
    return run.table.assign(
        ood_score=found.score,
        ood_percentile=percentiles(found.score, found.score[reference]),
        p_value=found.p_value,
        flagged=found.flagged,
    )


def summary(run: Run, name: str, make: Callable[..., Any], *options: Any) -> Any:
    """``make(images, *options)`` of a detector, as `dashboard.cached.summary`; an image counts with its strangest
    region in this detector's eyes."""
    if name == KNN:
        return cached.summary(run, make, *options)
    return cached.computed(
        run, f"detector {make.__name__}", (_tag(run, name), *options), lambda: make(images(run, name), *options)
    )


def images(run: Run, name: str) -> pd.DataFrame:
    """`dashboard.summaries.images` with a detector's scores."""
    if name == KNN:
        return cached.images(run)
    found: pd.DataFrame = cached.computed(
        run, "detector images", (_tag(run, name),), lambda: summaries.images(table(run, name))
    )
    return found


def captions(run: Run, name: str, rows: np.ndarray) -> Sequence[str]:
    """A detector's score and p-value in a line under each picture; none for kNN, whose own captions are there."""
    if name == KNN:
        return ()
    found = said(run, name)
    return [
        f"score {figure(score)}, p = {p:.2g}"
        for score, p in zip(found.score[rows].tolist(), found.p_value[rows].tolist(), strict=True)
    ]


def figure(score: float) -> str:
    """A detector's score to four significant digits, whatever its scale."""
    return f"{score:.4g}"
