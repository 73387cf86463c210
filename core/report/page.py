"""The one-file report of a run.

The contract:
- self-contained: styles, figures and pictures are inside, there is no script and no address to fetch from, and the
  page forbids both to itself;
- at most `MOST_BYTES`: pictures are the stored thumbnails of the strangest and of each cluster's most typical regions;
- text of the catalogue is escaped.
"""

from __future__ import annotations

import base64
import platform
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from core.between import settings_between
from core.images.thumbnails import GRID
from core.progress import Progress, silent
from core.report.drawing import bars, histogram, scatter
from core.settings import RunSettings

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from core.workspace import Workspace

MOST_BYTES = 15_000_000
STRANGEST = 48
CLUSTERS, EACH = 12, 6
_PICTURE_BYTES = 10_000_000
_LIBRARIES = ("benthoscope", "numpy", "torch", "torchvision", "scikit-learn", "umap-learn", "hdbscan", "pandas")

_STYLE = """
body{font:16px/1.55 system-ui,sans-serif;color:#1d2730;background:#fff;max-width:980px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.9rem;margin:0 0 .2rem}h2{font-size:1.25rem;margin:2.2rem 0 .5rem;border-top:1px solid #dde3e8;
padding-top:1.2rem}p.lead{color:#44525f;margin:0 0 1.2rem}dl{display:grid;grid-template-columns:max-content 1fr;
gap:.2rem 1rem;margin:0}dt{color:#5a6875}dd{margin:0;overflow-wrap:anywhere}svg{width:100%;height:auto;font-size:12px;
fill:#44525f}.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:.6rem}figure{margin:0}
figure img{width:100%;height:105px;object-fit:cover;border-radius:3px;background:#eef1f4}figcaption{font-size:.76rem;
color:#44525f;overflow-wrap:anywhere;line-height:1.3}
.tiles{display:flex;flex-wrap:wrap;gap:1.6rem}.tiles b{display:block;
font-size:1.6rem}table{border-collapse:collapse;font-size:.9rem}td,th{text-align:left;padding:.2rem .9rem .2rem 0;
border-bottom:1px solid #e6ebef}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def run_report(space: Workspace, run: Run, *, progress: Progress = silent) -> str:
    """The report as HTML.

    Raises:
        Cancelled: raised by ``progress``.
    """
    progress(0, 4)
    table = run.table
    pictures = _Pictures(space)
    head = [_heading(run), _counts(run), _scores(run)]
    progress(1, 4)
    strangest = _strangest(table)
    head.append(_section("The strangest", _said_of_strangest(run), pictures.grid(table, strangest, scored=True)))
    progress(2, 4)
    head += [_map(table), _clusters(table, pictures), _concepts(table)]
    progress(3, 4)
    head += [_method(run), _versions(run)]
    body = "".join(head)
    progress(4, 4)
    title = escape(run.name)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{_POLICY}"><meta name="viewport" content="width=device-width"><title>{title} · Benthoscope</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _section(title: str, lead: str, *inside: str) -> str:
    return (
        f"<section><h2>{escape(title)}</h2>"
        + (f"<p>{escape(lead)}</p>" if lead else "")
        + "".join(inside)
        + "</section>"
    )


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in pairs if b) + "</dl>"


def _heading(run: Run) -> str:
    data = ", ".join(run.settings.datasets)
    finished = run.info.finished_at or ""
    when = f"{datetime.fromisoformat(finished):%d %b %Y, %H:%M} UTC" if finished else ""
    return f'<h1>{escape(run.name)}</h1><p class="lead">Run {run.id} over {escape(data)}, finished {escape(when)}</p>'


def _counts(run: Run) -> str:
    counts = run.manifest["counts"]
    names = ("images", "regions", "reference", "target", "groups", "flagged", "clusters")
    tiles = "".join(f"<div><b>{counts[name]:,}</b>{name}</div>" for name in names if name in counts)
    return f'<div class="tiles">{tiles}</div>'


def _scores(run: Run) -> str:
    table = run.table
    scores = table["ood_score"].to_numpy(float)
    reference, target = table["set"].isin(["reference", "both"]), table["set"].isin(["target", "both"])
    threshold = run.manifest["flag"].get("threshold")
    figure = histogram(
        scores[reference.to_numpy()],
        scores[target.to_numpy()],
        float(threshold) if isinstance(threshold, int | float) else None,
        f"OOD score: mean distance to the {run.manifest['k']} most similar reference regions",
    )
    lead = str(run.manifest["flag"].get("sentence", ""))
    return _section("How strange is the target?", lead[:1].upper() + lead[1:] + ".", figure)


def _strangest(table: pd.DataFrame) -> np.ndarray:
    scores = table["ood_score"].to_numpy(float)
    judged = np.flatnonzero(table["set"].isin(["target", "both"]).to_numpy() & np.isfinite(scores))
    return judged[np.argsort(-scores[judged], kind="stable")][:STRANGEST]


def _said_of_strangest(run: Run) -> str:
    rule = str(run.manifest["flag"].get("flag_rule", ""))
    return f"Largest scores of the target first; larger is stranger. Flagged by the rule {rule}."


def _map(table: pd.DataFrame) -> str:
    figure = scatter(
        table[["x", "y"]].to_numpy(float),
        table["set"].isin(["target", "both"]).to_numpy(bool),
        table["flagged"].to_numpy(bool),
    )
    lead = "Near means alike. Grey-blue is the reference, orange the target; flagged regions are ringed in green."
    return _section("Where does it sit?", lead, figure)


def _clusters(table: pd.DataFrame, pictures: _Pictures) -> str:
    numbers = table["cluster"].to_numpy(np.int64)
    strength = table["cluster_probability"].to_numpy(float)
    found = [number for number in np.unique(numbers) if number >= 0][:CLUSTERS]
    parts = []
    for number in found:
        rows = np.flatnonzero(numbers == number)
        typical = rows[np.argsort(-strength[rows], kind="stable")][:EACH]
        parts.append(f"<h3>Cluster {number}: {len(rows):,} regions</h3>{pictures.grid(table, typical)}")
    noise = int((numbers == -1).sum())
    lead = f"The {len(found)} largest clusters, their most typical regions first; {noise:,} regions belong to none."
    return _section("What groups are there?", lead, *parts)


def _concepts(table: pd.DataFrame) -> str:
    counts = table[["image_id", "concepts"]].explode("concepts").dropna().drop_duplicates()["concepts"].value_counts()
    counts = counts.head(20)
    return _section("What was labelled?", "", bars([str(name) for name in counts.index], [int(n) for n in counts]))


def _method(run: Run) -> str:
    settings, flag = run.settings, run.manifest["flag"]
    reference = " and ".join(settings.reference) or "every region"
    target = " and ".join(settings.target) or ("everything else" if settings.reference else "nothing besides")
    text = (
        f"Every region ({settings.regions}) was shown whole, its aspect kept, to the network "
        f"{settings.embed.embedder}, which gave an embedding. The reference is {reference}; the target is {target}. "
        f"The OOD score of a region is its mean cosine distance to the {run.manifest['k']} most similar reference "
        "regions of other groups: 0 is a copy, larger is stranger, 2 is the most. The map is UMAP's, the clusters "
        "HDBSCAN's on the map."
    )
    rule = (
        "A region is flagged when its conformal p-value, weighted by group, is at most "
        f"{settings.ood.alpha:g}: of regions of a new group with nothing new in it, at most that share is flagged."
        if flag.get("certified")
        else "With this few independent groups nothing can be certified; flags mark scores above a percentile of the "
        "reference."
    )
    lacking = run.manifest.get("lacking", {})
    missing = [f"{number:,} regions lack {name} and are neither in nor out" for name, number in lacking.items()]
    said = "".join(f"<p>{escape(line)}</p>" for line in (text, rule, *missing))
    return _section("How was it done?", "", said)


def _versions(run: Run) -> str:
    facts = [("run", f"{run.info.uid} (key {run.key[:16]})"), ("made on", f"Python {platform.python_version()}")]
    for name in _LIBRARIES:
        try:
            facts.append((name, version(name)))
        except PackageNotFoundError:
            continue
    changed = settings_between(RunSettings(run.settings.datasets), run.settings)
    facts += [(f"setting: {name}", value) for name, _, value in changed]
    return _section(
        "Versions and settings", "Settings that are not named here are as they are by default.", _facts(facts)
    )


class _Pictures:
    """Thumbnails as data addresses, until there are enough of them."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._bytes = 0

    def grid(self, table: pd.DataFrame, rows: Sequence[int] | np.ndarray, *, scored: bool = False) -> str:
        figures = []
        columns = ("path", "group", "ood_score", "content_hash")
        for path, group, score, content in table.iloc[np.asarray(rows, np.int64)][list(columns)].itertuples(
            index=False, name=None
        ):
            body = self._space.thumbnails.get(content, GRID) if self._bytes < _PICTURE_BYTES else None
            name = escape(str(path).rsplit("/", 1)[-1])
            said = [name, escape(str(group)), f"score {score:.3f}" if scored and score == score else ""]
            source = ""
            if body is not None:
                self._bytes += len(body) * 4 // 3
                source = f'<img alt="{name}" src="data:image/jpeg;base64,{base64.b64encode(body).decode()}">'
            figures.append(f"<figure>{source}<figcaption>{'<br>'.join(filter(None, said))}</figcaption></figure>")
        return f'<div class="grid">{"".join(figures)}</div>'
