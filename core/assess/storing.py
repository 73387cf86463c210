"""Evaluations in the workspace: one folder each, JSON beside arrays, written once and opened without computing much.

evaluations/000001/
  evaluation.json    the model, the regions, every overall figure with its interval, notes, strain
  cases/*.npy        the arrays that were evaluated
  stress/*.npy       which regions were spoiled, and what the model said of them then, where it was asked
  regions.parquet    image, file, region, group and strata of each row
  concepts.parquet, strata.parquet, precision_recall.parquet, roc.parquet, reliability.parquet
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from core.artefacts import open_array, read_table
from core.errors import WorkspaceError
from core.evaluate.cases import Cases
from core.evaluate.confusing import Confusion, confusion
from core.evaluate.curves import Curves
from core.evaluate.evaluation import Counts, Evaluation
from core.evaluate.figures import OVERALL
from core.evaluate.intervals import LEVEL, Interval

if TYPE_CHECKING:
    import pandas as pd

    from core.assess.strain import Strain
    from core.workspace import Workspace

FORMAT = 1
FACTS = "evaluation.json"
_ARRAYS = ("probabilities", "truth", "known", "ranked", "thresholds", "groups", "ood", "outside", "raw", "stated")
_STRESS = "stress"
_TABLES = ("precision_recall", "roc", "reliability")


@dataclass(frozen=True)
class Stored:
    """An evaluation that was kept.

    Attributes:
        facts: All of ``evaluation.json``.
    """

    id: int
    folder: Path
    facts: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Changes with the content; what caches should be keyed by."""
        return str(self.facts["uid"])

    @property
    def title(self) -> str:
        """``3 · MODEL on DATASET``."""
        return f"{self.id} · {self.facts['model']} on {', '.join(self.facts['datasets'])}"

    @property
    def heads(self) -> tuple[str, ...]:
        """Heads that can be judged alone, in the model's order; empty where the model asks but one question."""
        return tuple(str(head["name"]) for head in self.facts.get("heads", ()) if head["regions"])

    @property
    def counts(self) -> Counts:
        """What stands behind the figures."""
        return Counts(**self.facts["counts"])

    @property
    def overall(self) -> dict[str, Interval]:
        """Figures by key of `core.evaluate.figures.OVERALL`."""
        found = self.facts["overall"]
        return {key: interval_from(found[key]) for key in OVERALL if key in found}

    @cached_property
    def regions(self) -> pd.DataFrame:
        """One row a region: ``image_id, region, path, dataset, group, key`` and the strata."""
        return read_table(self.folder / "regions.parquet")

    @cached_property
    def cases(self) -> Cases:
        """The arrays behind everything; memory maps."""
        there = {name: self.folder / "cases" / f"{name}.npy" for name in _ARRAYS}
        arrays: dict[str, Any] = {name: open_array(path) for name, path in there.items() if path.is_file()}
        regions = self.regions
        strata = {name: regions[f"stratum.{name}"].to_numpy(np.str_) for name in self.facts["strata"]}
        return Cases(
            **arrays,
            concepts=tuple(self.facts["concepts"]),
            levels=tuple(self.facts["levels"]),
            keys=regions["key"].to_numpy(np.str_),
            exclusive=bool(self.facts["exclusive"]),
            strata=strata,
        )

    def spoiled(self, way: str) -> tuple[NDArray[np.int64], Cases] | None:
        """Rows of the regions that were spoiled, and the same regions with what was said of them then.

        Args:
            way: Key of `core.assess.strain.WAYS`; ``None`` is returned where nothing of it was kept.
        """
        rows, said = (self.folder / _STRESS / f"{name}.npy" for name in ("rows", way))
        if not rows.is_file() or not said.is_file():
            return None
        chosen = open_array(rows)
        return chosen, replace(self.cases.rows(chosen), probabilities=open_array(said))

    @cached_property
    def concepts(self) -> pd.DataFrame:
        """`core.evaluate.evaluation.Evaluation.concepts`."""
        return read_table(self.folder / "concepts.parquet")

    @cached_property
    def strata(self) -> pd.DataFrame:
        """`core.evaluate.evaluation.Evaluation.strata`."""
        return read_table(self.folder / "strata.parquet")

    @cached_property
    def curves(self) -> Curves:
        """`core.evaluate.evaluation.Evaluation.curves`."""
        return Curves(*(read_table(self.folder / f"{name}.parquet") for name in _TABLES))

    @cached_property
    def confusion(self) -> Confusion:
        """`core.evaluate.evaluation.Evaluation.confusion`."""
        return confusion(self.cases)


def keep(
    workspace: Workspace, cases: Cases, evaluation: Evaluation, regions: pd.DataFrame, facts: Mapping[str, Any]
) -> Stored:
    """Store an evaluation under the next free number, all of it or nothing.

    Args:
        regions: One row a region of the cases: ``image_id, region, path, dataset, group``.
        facts: ``model``, ``model_key``, ``datasets`` and whatever else is to be told.

    Raises:
        WorkspaceError: the disk refused.
    """
    root = workspace.root / "evaluations"
    temporary = root / f".{uuid4().hex}.tmp"
    whole = dict(facts) | {
        "format": FORMAT,
        "uid": uuid4().hex,
        "counts": asdict(evaluation.counts),
        "overall": {key: interval_json(value) for key, value in evaluation.overall.items()},
        "concepts": list(cases.concepts),
        "levels": list(cases.levels),
        "exclusive": cases.exclusive,
        "strata": list(cases.strata),
    }
    try:
        (temporary / "cases").mkdir(parents=True)
        for name in _ARRAYS:
            array = getattr(cases, name)
            if array is not None:
                np.save(temporary / "cases" / f"{name}.npy", array, allow_pickle=False)
        named = regions.reset_index(drop=True).assign(key=cases.keys)
        named = named.assign(**{f"stratum.{name}": values for name, values in cases.strata.items()})
        tables = {"regions": named, "concepts": evaluation.concepts, "strata": evaluation.strata}
        tables |= {name: getattr(evaluation.curves, name) for name in _TABLES}
        for name, table in tables.items():
            table.to_parquet(temporary / f"{name}.parquet", index=False, compression="zstd")
        (temporary / FACTS).write_text(_json(whole), encoding="utf-8")
        place = _settle(root, temporary)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise WorkspaceError(
            f"the evaluation could not be stored in {root} ({error.strerror or error}); free some disk space"
        ) from error
    return Stored(int(place.name), place, whole)


def add_strain(stored: Stored, told: Mapping[str, Any], strain: Strain) -> Stored:
    """The same with what spoiled pictures brought; the file of facts is replaced whole, last.

    Args:
        told: The figures, plain JSON.

    Raises:
        WorkspaceError: the disk refused.
    """
    whole = dict(stored.facts) | {"stress": dict(told)}
    temporary = stored.folder / f".{uuid4().hex}.tmp"
    try:
        (stored.folder / _STRESS).mkdir(exist_ok=True)
        np.save(stored.folder / _STRESS / "rows.npy", strain.rows, allow_pickle=False)
        for key, values in strain.probabilities.items():
            np.save(stored.folder / _STRESS / f"{key}.npy", values.astype(np.float32), allow_pickle=False)
        temporary.write_text(_json(whole), encoding="utf-8")
        temporary.replace(stored.folder / FACTS)
    except OSError as error:
        raise WorkspaceError(f"the evaluation in {stored.folder} cannot be written ({error.strerror})") from error
    return Stored(stored.id, stored.folder, whole)


def list_evaluations(workspace: Workspace) -> list[Stored]:
    """All evaluations that can be read, newest first."""
    root = workspace.root / "evaluations"
    folders = [folder for folder in (root.iterdir() if root.is_dir() else []) if folder.name.isdecimal()]
    found = []
    for folder in sorted(folders, key=lambda one: int(one.name), reverse=True):
        facts = _facts(folder)
        if facts is not None:
            found.append(Stored(int(folder.name), folder, facts))
    return found


def open_evaluation(workspace: Workspace, number: int) -> Stored:
    """One evaluation.

    Raises:
        WorkspaceError: there is none of that number, or it cannot be read; the sentence names those there are.
    """
    found = {stored.id: stored for stored in list_evaluations(workspace)}
    if number not in found:
        known = ", ".join(str(id_) for id_ in sorted(found)) or "none yet; make one with benthoscope evaluate"
        raise WorkspaceError(f"there is no evaluation {number} in this workspace; there are: {known}")
    return found[number]


def interval_json(value: Interval) -> dict[str, float | int | None]:
    """With all digits; what is not a number is null."""
    return {
        name: None if isinstance(part, float) and not np.isfinite(part) else part
        for name, part in asdict(value).items()
        if name != "level"
    }


def interval_from(data: Mapping[str, Any]) -> Interval:
    """The inverse of `interval_json`."""
    value, low, high = (float("nan") if data[name] is None else float(data[name]) for name in ("value", "low", "high"))
    return Interval(value, low, high, LEVEL, int(data["groups"]))


def _facts(folder: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and facts.get("format") == FORMAT else None


def _json(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _settle(root: Path, temporary: Path) -> Path:
    """Rename to the next free number; another process may take it first."""
    while True:
        numbers = [int(folder.name) for folder in root.iterdir() if folder.name.isdecimal()]
        place = root / f"{max(numbers, default=0) + 1:06d}"
        try:
            temporary.rename(place)
        except OSError:
            if not place.exists():
                raise
        else:
            return place
