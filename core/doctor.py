"""Checks an installation, the machine and a workspace, and says what to do about what is wrong."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import CoreError

PACKAGES = (
    *("torch", "torchvision", "streamlit", "plotly", "umap-learn", "hdbscan", "scikit-learn", "pillow", "grad-cam"),
    *("numpy", "pandas", "sqlalchemy", "alembic"),
)
_LOW_DISK = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``advice`` says what to do and is empty when all is well."""

    topic: str
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """Everything looked at."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing needs to be done."""
        return not any(finding.advice for finding in self.findings)

    @property
    def text(self) -> str:
        """For people, one line a finding."""
        lines = [f"{'!' if item.advice else ' '} {item.topic:<14} {item.found}" for item in self.findings]
        lines += [f"{item.topic}: {item.advice}" for item in self.findings if item.advice]
        return "\n".join([*lines, "all is well" if self.healthy else ""]).rstrip()

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"healthy": self.healthy, "findings": [asdict(finding) for finding in self.findings]}


def examine(workspace: Path) -> Report:
    """Look at Python, packages, device, disk and the workspace."""
    findings = [Finding("python", f"{platform.python_version()} on {platform.platform()}", _python_advice())]
    findings += [_package(name) for name in PACKAGES]
    findings.append(_device())
    findings.append(_disk(workspace))
    findings += _workspace(workspace)
    return Report(tuple(findings))


def _python_advice() -> str:
    return "" if sys.version_info >= (3, 11) else "Benthoscope needs Python 3.11 or newer"


def _package(name: str) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "missing", f"install it: pip install {name}")


def _device() -> Finding:
    try:
        from core.device import choose_device, device_facts

        facts = device_facts(choose_device())
    except (CoreError, ImportError, OSError) as error:
        return Finding("device", "unknown", f"torch cannot be used ({error}); install it again")
    return Finding("device", f"{facts['device']} ({facts['name']}), {facts['threads']} threads, torch {facts['torch']}")


def _disk(workspace: Path) -> Finding:
    place = workspace.expanduser().resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    advice = "" if free >= _LOW_DISK else f"less than 2 GB are free at {place}; make room before a run"
    return Finding("disk", f"{free / 1024**3:,.1f} GB free", advice)


def _workspace(path: Path) -> list[Finding]:
    from core.workspace import CATALOGUE, open_workspace

    if not (path.expanduser() / CATALOGUE).is_file():
        return [Finding("workspace", f"{path}: none yet, an import makes it")]
    try:
        workspace = open_workspace(path, create=False)
    except CoreError as error:
        return [Finding("workspace", str(path), str(error))]
    try:
        findings = [Finding("workspace", str(workspace.root))]
        for dataset in workspace.datasets():
            advice = (
                "" if dataset.root.is_dir() else f"its folder {dataset.root} is gone; import it again from where it is"
            )
            counts = f"{dataset.images:,} images, {dataset.absent:,} absent, {dataset.unusable:,} unusable"
            findings.append(Finding("dataset", f"{dataset.name}: {counts}", advice))
        for run in workspace.runs():
            damaged = _damage(workspace.open_run(run.id).damage()) if run.state == "done" else ""
            findings.append(Finding("run", f"{run.id} {run.name}: {run.state}", damaged))
        return findings
    finally:
        workspace.close()


def _damage(files: list[str]) -> str:
    return f"damaged files: {', '.join(files)}; run the pipeline again with --again" if files else ""
