"""The one-file report of a run, or of a selection of its regions (`core.report.frame` says what holds for the file)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.between import settings_between
from core.catalogue import spoken
from core.errors import WorkspaceError
from core.processing.steps import in_words
from core.progress import Progress, silent
from core.report import frame
from core.report.drawing import bars, histogram, scatter
from core.runs import JUDGED, flags
from core.settings import RunSettings

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from core.workspace import Workspace

STRANGEST = 48
_REGIONS = {"image": "picture", "tiles": "tile of a picture", "boxes": "marked box"}
CLUSTERS, EACH = 12, 6


@dataclass(frozen=True)
class Chosen:
    """The regions that a report is about.

    Attributes:
        rows: ``[N]`` bool; the run's target where the whole run is meant, its reference where it has no target.
        said: The selection in words; empty for the whole run.
        alone: Whether there is nothing but the reference, judged picture against picture.
    """

    rows: NDArray[np.bool_]
    said: str = ""
    alone: bool = False

    @property
    def whose(self) -> str:
        """What the rows are called."""
        return "selection" if self.said else "reference" if self.alone else "target"


def run_report(
    space: Workspace, run: Run, *, regions: list[int] | None = None, said: str = "", progress: Progress = silent
) -> str:
    """The report as HTML.

    Args:
        regions: Ids of the regions of a selection; the whole run if left out.
        said: The selection in words.

    Raises:
        WorkspaceError: none of the selection's regions is in the run.
        Cancelled: raised by ``progress``.
    """
    progress(0, 4)
    table = run.table
    target = table["set"].isin(["target", "both"]).to_numpy(bool)
    chosen = Chosen(target if target.any() else np.ones(len(table), bool), alone=not target.any())
    if regions is not None:
        chosen = Chosen(table["region_id"].isin(regions).to_numpy(bool), said or "a selection")
        if not chosen.rows.any():
            raise WorkspaceError(f"none of these regions is in run {run.id}; select some of its pictures")
    pictures = frame.Pictures(space)
    head = [_heading(run, chosen), _counts(run, chosen), _scores(run, chosen)]
    progress(1, 4)
    strangest = _strangest(table, chosen)
    if len(strangest):
        head.append(
            frame.section("The strangest", _said_of_strangest(run, chosen), _grid(pictures, table, strangest, True))
        )
    progress(2, 4)
    about = table[chosen.rows] if chosen.said else table
    head += [_map(table, chosen), _clusters(about, pictures), _concepts(about)]
    progress(3, 4)
    head += [_method(run), _versions(run)]
    progress(4, 4)
    return frame.document(run.name, head)


def _heading(run: Run, chosen: Chosen) -> str:
    data = ", ".join(run.settings.datasets)
    finished = run.info.finished_at or ""
    when = f"{datetime.fromisoformat(finished):%d %b %Y, %H:%M} UTC" if finished else ""
    about = f"Selection: {chosen.said}. Of run" if chosen.said else "Run"
    return frame.heading(run.name, f"{about} {run.id} over {data}, finished {when}")


def _counts(run: Run, chosen: Chosen) -> str:
    if chosen.said:
        part = run.table[chosen.rows]
        counts = {
            "images": part["image_id"].nunique(),
            "regions": len(part),
            "groups": part.loc[part["group"] != "", ["dataset", "group"]].drop_duplicates().shape[0],
            JUDGED: int(flags(run.table)[chosen.rows].sum()),
        }
    else:
        counts = dict(run.counts)
    names = ("images", "regions", "reference", "target", "groups", JUDGED, "clusters")
    return frame.tiles((f"{counts[name]:,}", "flagged" if name == JUDGED else name) for name in names if name in counts)


def _scores(run: Run, chosen: Chosen) -> str:
    table = run.table
    scores = table["ood_score"].to_numpy(float)
    reference = table["set"].isin(["reference", "both"]).to_numpy(bool)
    threshold = run.manifest["flag"].get("threshold")
    figure = histogram(
        scores[reference & ~chosen.rows] if chosen.said else scores[reference],
        scores[:0] if chosen.alone else scores[chosen.rows],
        float(threshold) if isinstance(threshold, int | float) else None,
        f"OOD score: mean distance to the {run.manifest['k']} most similar reference regions",
    )
    lead = str(run.manifest["flag"].get("sentence", ""))
    return frame.section(f"How strange is the {chosen.whose}?", lead[:1].upper() + lead[1:].rstrip(".") + ".", figure)


def _strangest(table: pd.DataFrame, chosen: Chosen) -> NDArray[np.int64]:
    scores = table["ood_score"].to_numpy(float)
    judged = np.flatnonzero(chosen.rows & np.isfinite(scores))
    return judged[np.argsort(-scores[judged], kind="stable")][:STRANGEST]


def _said_of_strangest(run: Run, chosen: Chosen) -> str:
    from core.ood.conformal import rule_in_words

    rule = rule_in_words(str(run.manifest["flag"].get("flag_rule", "none")))
    return f"Largest scores of the {chosen.whose} first; larger is stranger. Flagged by the rule {rule}."


def _map(table: pd.DataFrame, chosen: Chosen) -> str:
    figure = scatter(table[["x", "y"]].to_numpy(float), chosen.rows, table["flagged"].to_numpy(bool))
    rest, mine = ("the rest", "the selection") if chosen.said else ("the reference", "the target")
    colours = "" if chosen.alone else f"Grey-blue is {rest}, orange {mine}; "
    lead = f"Near means alike. {colours}{'Flagged' if chosen.alone else 'flagged'} regions are ringed in green."
    return frame.section("Where does it sit?", lead, figure)


def _grid(pictures: frame.Pictures, table: pd.DataFrame, rows: NDArray[np.int64], scored: bool = False) -> str:
    columns = ["content_hash", "path", "group", "ood_score"]
    lines = table.iloc[np.asarray(rows, np.int64)][columns].itertuples(index=False, name=None)
    return pictures.grid(
        (content, str(path), (str(group), f"score {score:.3f}" if scored and score == score else ""))
        for content, path, group, score in lines
    )


def _clusters(table: pd.DataFrame, pictures: frame.Pictures) -> str:
    numbers = table["cluster"].to_numpy(np.int64)
    strength = table["cluster_probability"].to_numpy(float)
    found = [number for number in np.unique(numbers) if number >= 0][:CLUSTERS]
    parts = []
    for number in found:
        rows = np.flatnonzero(numbers == number)
        typical = rows[np.argsort(-strength[rows], kind="stable")][:EACH]
        parts.append(f"<h3>Cluster {number}: {len(rows):,} regions</h3>{_grid(pictures, table, typical)}")
    noise = int((numbers == -1).sum())
    lead = f"The {len(found)} largest clusters, their most typical regions first; {noise:,} regions belong to none."
    lead = lead if found else f"None was found: {noise:,} regions are too few, or too evenly spread, for clusters."
    return frame.section("What groups are there?", lead, *parts)


def _concepts(table: pd.DataFrame) -> str:
    counts = table[["image_id", "concepts"]].explode("concepts").dropna().drop_duplicates()["concepts"].value_counts()
    counts = counts.head(20)
    return frame.section("What was labelled?", "", bars([str(name) for name in counts.index], [int(n) for n in counts]))


def _score_method(run: Run) -> str:
    if not run.manifest["k"]:
        return "Nothing could be compared with other groups, so nothing has a score."
    return (
        f"The OOD score of a region is its mean cosine distance to the {run.manifest['k']} most similar reference "
        "regions of other groups: 0 is a copy, larger is stranger, 2 is the most."
    )


def _method(run: Run) -> str:
    settings, flag = run.settings, run.manifest["flag"]
    reference = spoken.in_words(settings.reference, "every region")
    target = spoken.in_words(settings.target, "everything else" if settings.reference else "nothing besides")
    shown = f"after preprocessing ({in_words(settings.embed.steps)})" if settings.embed.steps else "whole"
    weights = f" with the weights {settings.embed.weights_name}" if settings.embed.weights_name else ""
    kind = {
        "umap": "UMAP's",
        "pca": "a plane of the two widest axes (PCA)",
        "supervised": "UMAP's, drawn together by labels too",
    }
    text = (
        f"Every {_REGIONS.get(settings.regions.kind, 'region')} was shown {shown}, its aspect kept, to the network "
        f"{settings.embed.embedder}{weights}, which gave an embedding. The reference is {reference}; the target is "
        f"{target}. "
        f"{_score_method(run)} The map is {kind[settings.projection.method]}, the clusters are "
        "HDBSCAN's on the map."
    )
    rule = (
        "A region is flagged when its conformal p-value, weighted by group, is at most "
        f"{settings.ood.alpha:g}: of regions of a new group with nothing new in it, at most that share is flagged."
        if flag.get("certified")
        else "With this few independent groups nothing can be certified; flags mark scores above a percentile of the "
        "reference."
    )
    rule = rule if run.manifest["k"] else ""
    lacking = run.manifest.get("lacking", {})
    missing = [f"{number:,} regions lack {name} and are neither in nor out" for name, number in lacking.items()]
    return frame.section("How was it done?", "", frame.paragraphs((text, rule, *missing)))


def _versions(run: Run) -> str:
    changed = settings_between(RunSettings(run.settings.datasets), run.settings)
    facts = [
        ("run", f"{run.info.uid} (key {run.key[:16]})"),
        *frame.versions(),
        *((f"setting: {name}", value) for name, _, value in changed),
    ]
    return frame.section(
        "Versions and settings", "Settings that are not named here are as they are by default.", frame.facts(facts)
    )
