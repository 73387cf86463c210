"""Is the kind of strange told right where it is known? On the demonstration, with everything but pictures withheld.

    benthoscope demo --no-serve --workspace DEMO
    python -m benchmarks.ood_kind DEMO [--detectors mahalanobis lof ...]

In the demonstration, the later camera films nothing new, and the deep animals are new under the old camera. For each of
its finished runs, and each detector, the flagged regions of both are told apart from scores and image statistics alone:
camera, site, depth and time are not given, and dives are either not given (each region its own group, or runs of
near-twins as groups) or given. Flags stay the run's own.
"""

from __future__ import annotations

import argparse
import csv
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import append_result
from core.images.statistics import FIELDS
from core.neighbours.graph import Graph
from core.ood.halves import detect
from core.ood.independence import found_groups
from core.ood.kind import CAMERA_OR_WATER, CONTENT, kinds_of_strange
from core.ood.registry import DETECTORS
from core.runs import Run
from core.stages import group_codes
from core.workspace import open_workspace


def truth_of(run: Run, collection: Path) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """``[N]`` each: regions of the later camera, and of frames with an animal that the reference lacks."""
    with (collection / "truth.csv").open(newline="", encoding="utf-8") as file:
        truth = {row["filename"]: row for row in csv.DictReader(file)}
    rows = [truth[Path(path).as_posix()] for path in run.table["path"]]
    later = np.array([row["later_camera"] == "true" for row in rows])
    new = np.array([row["new_to_reference"] == "true" for row in rows])
    return later, new & ~later


def told(run: Run, collection: Path, detectors: list[str]) -> dict[str, Any]:
    """Shares told right, by detector and by what stands for groups."""
    table = run.table
    later, new = truth_of(run, collection)
    reference = table["set"].isin(["reference", "both"]).to_numpy()
    statistics = table[list(FIELDS)].to_numpy(dtype=np.float64)
    dives = group_codes(table)
    graph = Graph(np.asarray(run.graph_all.indices), np.asarray(run.graph_all.distances))
    ways = {"each region alone": None, "near-twins": found_groups(graph), "dives": dives}
    results: dict[str, Any] = {}
    for name in ["knn", *detectors]:
        if name == "knn":
            scores, flagged = table["ood_score"].to_numpy(dtype=float), table["flagged"].to_numpy(dtype=bool)
        else:
            found = detect(DETECTORS[name], np.asarray(run.embeddings), reference, dives)
            scores, flagged = found.score, found.flagged
        for way, groups in ways.items():
            kinds = kinds_of_strange(scores, flagged, statistics, FIELDS, reference, groups)
            of = {}
            for kind, truth, right in (("camera", later, CAMERA_OR_WATER), ("animals", new, CONTENT)):
                asked = truth & flagged
                share = float((kinds.verdict[asked] == right).mean()) if asked.any() else None
                of[kind] = {"flagged": int(asked.sum()), "right": None if share is None else round(share, 4)}
            results[f"{name}, {way}"] = of
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--detectors", nargs="*", default=["root_mahalanobis", "mahalanobis", "lof", "pca_residual"])
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    with closing(open_workspace(asked.workspace, create=False)) as space:
        for info in space.runs():
            if info.state != "done":
                continue
            run = space.open_run(info.id)
            found = told(run, asked.workspace / "demo-collection", asked.detectors)
            figures[run.name] = found
            print(f"\nrun {run.id}, {run.name}: told right of the flagged")
            for name, of in found.items():
                words = ", ".join(f"{kind} {x['right']} of {x['flagged']}" for kind, x in of.items())
                print(f"  {name:40s} {words}")
    append_result("ood_kind", {"right": figures}, packages=("numpy", "torch"))


if __name__ == "__main__":
    main()
