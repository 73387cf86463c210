"""Which worker does which kind of job."""

from __future__ import annotations

from collections.abc import Mapping

LANES = ("compute", "files")
"""Workers: one for what needs the accelerator, so that one job has it at a time, and one for everything else."""
LANE_OF: Mapping[str, str] = {
    "import": "files",
    "export": "files",
    "report": "files",
    "run": "compute",
    "train": "compute",
    "predict": "compute",
    "evaluate": "compute",
}
"""Every kind of job, and the lane that does it."""
