"""Does a workspace of an older version open, and can one work in it: import, review, run again, export?

    python -m benchmarks.upgrade WORKSPACE [--version NAME]

The workspace, made by the older version, is copied first. What it held is counted before (by SQLite alone) and after.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.common import append_result
from core.publish.reopening import reopen
from core.review.deciding import Act, decide
from core.review.standing import standing
from core.workspace import open_workspace

HELD = ("datasets", "images", "regions", "concepts", "annotations", "runs")


def counted(folder: Path) -> dict[str, int]:
    """Rows of the tables that every version has."""
    with sqlite3.connect(folder / "catalogue.sqlite") as there:
        return {name: there.execute(f"select count(*) from {name}").fetchone()[0] for name in HELD}


def command(folder: Path, *words: str) -> dict[str, Any]:
    """What a command of this version answers."""
    asked = [sys.executable, "-m", "core.cli", *words, "--workspace", str(folder), "--json"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed: {done.stdout[-400:]}{done.stderr[-400:]}")
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--version", default="an older version", help="what made it, for the record")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(asked.workspace, Path(place) / "workspace"))
        before = counted(folder)
        space = open_workspace(folder)
        run = next(info for info in space.runs() if info.state == "done")
        table = space.open_run(run.id).table
        target = table[table["set"].isin(["target", "both"])].head(40)
        for number, region in enumerate(target["region_id"]):
            verdict = ("habitat", "taxon", "new", "gear")[number % 4]
            act = Act(f"upgrade-{number:04d}", "Ada", run.id, verdict, regions=(int(region),), concept="crab")
            decide(space.database, act, now=datetime.now(UTC))
        source = space.datasets()[0].root
        decided = len(standing(space.database))
        space.close()
        opened = counted(folder)
        imported = command(folder, "import", str(source), "--dataset", "again")
        again = command(folder, "rerun", str(run.id))
        exports = {}
        for name in ("csv", "json", "coco", "ifdo", "fathomnet", "biigle", "viame"):
            out = Path(place) / f"out.{name}"
            told = command(folder, "export", str(run.id), "--out", str(out), "--format", name)
            exports[name] = told.get("rows", told.get("images"))
        back = len(reopen((Path(place) / "out.csv").read_bytes(), "out.csv").table)
        healthy = command(folder, "doctor").get("healthy")
        found = {
            "made_by": asked.version,
            "held": before,
            "kept": {name: opened[name] >= before[name] for name in HELD},
            "decided": decided,
            "imported": imported.get("counts", {}).get("images"),
            "rerun": {"run": again["run"], "joined": again["change"]["joined"]},
            "exports": exports,
            "reopened_rows": back,
            "healthy": healthy,
        }
        print(json.dumps(found, indent=1))
        append_result("upgrade", found)


if __name__ == "__main__":
    main()
