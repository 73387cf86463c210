"""What models say: of pictures that a visitor brings, and of the regions of the open run.

The contract:
- a visitor's picture goes the way of any file: through the door (`dashboard.uploads`), then as a file under a name of
  ours to the same function as on the command line, so that both say the same; nothing of it is kept on the disk;
- predictions of a run are read from the workspace, newest first; what is asked for again is answered from there;
- models are opened once for all visitors and never changed.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import streamlit as st

from core.errors import CoreError, ImageError
from dashboard import words
from dashboard.listings import PREDICTED
from dashboard.uploads import MAX_BYTES, received

if TYPE_CHECKING:
    from core.assess.outsiders import Strangeness
    from core.learn.labels import LabelTree
    from core.learn.models import Model, ModelInfo
    from core.learn.predictions import PredictionSet
    from core.runs import Run
    from core.workspace import Workspace
    from dashboard.state import View

MOST_FILES = 200
"""Pictures that are answered at once on a page; more are for the command line."""
MOST_BYTES = 400 * 2**20
"""Bytes of all of them together."""
MOST_REGIONS = 400
"""Regions that a page sends through a network itself; more are for the command line."""
CAPTIONED = 1000
"""Pictures at the head of a gallery under which predictions are written."""
LIMITS = (
    f"Up to {MOST_FILES} pictures at once, {MAX_BYTES // 2**20} MB each: JPEG, PNG, TIFF, WebP, BMP or GIF. "
    "They are looked at here and kept nowhere."
)
_PREVIEW = 900


class Named(Protocol):
    """What Streamlit's uploader gives."""

    name: str
    size: int

    def getvalue(self) -> bytes:
        """The whole content."""
        ...


@dataclass(frozen=True)
class Answer:
    """What is said of one picture that a visitor brought.

    Attributes:
        name: As the visitor calls it: text to show, nothing else.
        probabilities, spread: ``[C]``, ``None`` where there are none.
        strange: How it stands to the open run's reference; ``None`` where that cannot be said.
        preview: JPEG, empty where the picture was refused.
        reason: Why it was refused, or empty.
    """

    name: str
    probabilities: np.ndarray | None = None
    spread: np.ndarray | None = None
    strange: Strangeness | None = None
    preview: bytes = b""
    reason: str = ""


@dataclass(frozen=True)
class Answers:
    """What is said of all pictures.

    Attributes:
        key: Changes with the pictures, the model and the run.
        notes: Sentences about what was not done.
    """

    key: str
    each: tuple[Answer, ...]
    notes: tuple[str, ...]


def usable_models(space: Workspace) -> list[ModelInfo]:
    """The workspace's models that can be opened, newest first."""
    from core.learn.models import list_models

    return sorted((info for info in list_models(space) if not info.problem), key=lambda i: i.created_at, reverse=True)


@st.cache_resource(max_entries=3, show_spinner="Opening the model")
def _open(folder: str, stamp: int) -> Model:
    from core.learn.models import load_model

    return load_model(Path(folder))


def open_model(info: ModelInfo) -> Model:
    """A model, opened once until its file changes.

    Raises:
        ModelError: it cannot be used.
    """
    return _open(str(info.folder), (info.folder / "model.json").stat().st_mtime_ns)


def asked_key(view: View, model: Model, sent: Sequence[Named]) -> str:
    """What `answer` depends on, without reading the pictures again."""
    names = (f"{getattr(one, 'file_id', '')}/{one.name}/{one.size}" for one in sent)
    return "\n".join((view.run.key, model.key, *names))


def answer(view: View, model: Model, sent: Sequence[Named], progress: Callable[[float, str], None]) -> Answers:
    """Predict pictures and compare them with the open run's reference.

    Args:
        sent: Uploaded pictures; those over the limits are refused, one by one, in words.
        progress: Told the share done and what is done.
    """
    from core.assess.outsiders import judge_files
    from core.learn.predicting import predict_files

    notes: list[str] = []
    if len(sent) > MOST_FILES:
        notes.append(
            f"{words.count(len(sent))} pictures are too many at once: the first {MOST_FILES} are answered. For all of "
            "them: benthoscope predict MODEL FOLDER --out predictions.csv"
        )
    each: list[Answer] = []
    total = 0
    with tempfile.TemporaryDirectory(prefix="benthoscope-") as folder:
        paths: list[Path] = []
        places: list[int] = []
        for place, one in enumerate(sent[:MOST_FILES]):
            progress(0.4 * place / len(sent[:MOST_FILES]), "Opening the pictures")
            total += one.size
            each.append(_taken(one, total))
            if not each[-1].reason:
                path = Path(folder) / f"{place:06d}"
                path.write_bytes(one.getvalue())
                paths.append(path)
                places.append(place)
        said = predict_files(
            model, paths, workers=2, progress=lambda d, n: progress(0.4 + 0.3 * d / max(1, n), "Asking the model")
        )
        strange: list[Strangeness | None] = [None] * len(paths)
        found = list(said) if paths else []
        try:
            strange = judge_files(
                view.run,
                paths,
                workers=2,
                progress=lambda d, n: progress(0.7 + 0.3 * d / max(1, n), "Comparing with the reference"),
            )
        except CoreError as error:
            notes.append(f"How strange they are cannot be said: {error}.")
    for place, one_said, one_strange in zip(places, found, strange, strict=True):
        before = each[place]
        each[place] = Answer(
            before.name, one_said.probabilities, one_said.spread, one_strange, before.preview, one_said.reason
        )
    return Answers(asked_key(view, model, sent), tuple(each), tuple(notes))


def _taken(one: Named, total: int) -> Answer:
    """The picture through the door: its preview, or why it was refused."""
    if total > MOST_BYTES:
        return Answer(one.name, reason=f"all together may have {MOST_BYTES // 2**20} MB; send the rest afterwards")
    try:
        image = received(one).image
    except ImageError as error:
        return Answer(one.name, reason=str(error))
    out = io.BytesIO()
    small = image.copy()
    small.thumbnail((_PREVIEW, _PREVIEW))
    small.save(out, "JPEG", quality=88)
    return Answer(one.name, preview=out.getvalue())


@dataclass(frozen=True)
class RunPredictions:
    """What one model says of the open run.

    Attributes:
        places: ``[N]`` row of each region of the run in the arrays, -1 where it was not asked about.
    """

    stored: PredictionSet
    places: np.ndarray

    @property
    def tree(self) -> LabelTree:
        """The model's concepts."""
        return self.stored.tree

    def of(self, row: int) -> np.ndarray | None:
        """``[C]`` probabilities of a region of the run; ``None`` where there are none."""
        place = int(self.places[row])
        if place < 0:
            return None
        values: np.ndarray = np.asarray(self.stored.probabilities[place])
        return values if np.isfinite(values).all() else None

    def spread_of(self, row: int) -> np.ndarray | None:
        """``[C]`` how far an ensemble's members lie apart there; ``None`` for a single model or without an answer."""
        if self.stored.spread is None or self.of(row) is None:
            return None
        return np.asarray(self.stored.spread[int(self.places[row])])


@st.cache_resource(max_entries=32, show_spinner=False)
def _placed(run_key: str, prediction_id: str, _run: Run, _space: Workspace) -> RunPredictions:
    from core.learn.predictions import open_predictions

    stored = open_predictions(_space, prediction_id)
    known = stored.rows["region_id"].to_numpy()
    order = np.argsort(known, kind="stable")
    wanted = _run.table["region_id"].to_numpy()
    at = np.minimum(np.searchsorted(known[order], wanted), max(0, len(known) - 1))
    places = np.where(known[order][at] == wanted, order[at], -1) if len(known) else np.full(len(wanted), -1)
    return RunPredictions(stored, places.astype(np.int64))


def placed(space: Workspace, run: Run, prediction_id: str) -> RunPredictions:
    """Stored predictions, row by row beside a run.

    Raises:
        WorkspaceError: there are none of this id.
    """
    return _placed(run.key, prediction_id, run, space)


@st.cache_resource(max_entries=8, show_spinner=False)
def _listed(root: str, stamp: int, _space: Workspace) -> list[tuple[str, str]]:
    from core.learn.predictions import list_predictions

    return [(info.id, info.model) for info in list_predictions(_space)]


def of_run(view: View) -> list[RunPredictions]:
    """Predictions that speak of the open run: of each model the newest, newest first."""
    root = view.workspace.root / "predictions"
    if not root.is_dir():
        return []
    found: dict[str, RunPredictions] = {}
    for prediction_id, model in _listed(str(root), root.stat().st_mtime_ns, view.workspace):
        if model not in found:
            beside = placed(view.workspace, view.run, prediction_id)
            if (beside.places >= 0).any():
                found[model] = beside
    return list(found.values())


def caption(view: View) -> list[str]:
    """The caption that a gallery of the open run can carry: of the newest predictions, none without them."""
    return [f"{PREDICTED}{one.stored.id}" for one in of_run(view)[:1]]


def lines(
    predictions: RunPredictions,
    rows: Sequence[int] | np.ndarray,
    thresholds: np.ndarray | None = None,
    among: np.ndarray | None = None,
) -> list[str]:
    """One caption a region of the run: what the model says of it.

    Args:
        among: ``[C]`` mask of the concepts that are spoken of; all by default.
    """
    from core.evaluate.behind import said_words

    tree, limits = predictions.tree, predictions.stored.thresholds if thresholds is None else thresholds
    columns = np.flatnonzero(tree.fine_level if among is None else tree.fine_level & among)
    names = tuple(tree.names[column] for column in columns)
    result = []
    for row in rows:
        values = predictions.of(int(row))
        if values is None:
            result.append("said: not asked")
        else:
            spread = predictions.spread_of(int(row))
            apart = None if spread is None else spread[columns]
            result.append(said_words(values[columns], (values >= limits)[columns], names, 2, apart))
    return result
