"""What every benchmark shares: alternating timing, the machine's facts, one line of JSON a result.

The contract:
- baseline and product take turns in one process, so that a slow minute of the machine hits both;
- what is reported is a ratio: the median over the pairs, with the lowest and the highest pair;
- a timed call returns only when its work is finished (a GPU's queue emptied).
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Generic, TypeVar

RESULTS = Path(__file__).parent / "results"

Baseline = TypeVar("Baseline")
Product = TypeVar("Product")


@dataclass(frozen=True)
class Comparison(Generic[Baseline, Product]):
    """Times of pairs of runs, in seconds, and what the last pair returned.

    Attributes:
        baseline_seconds, product_seconds: One entry a pair, in the order run.
        baseline, product: Return values of the last pair, to check that both give the same answer.
    """

    baseline_seconds: tuple[float, ...]
    product_seconds: tuple[float, ...]
    baseline: Baseline
    product: Product

    @property
    def ratios(self) -> tuple[float, ...]:
        """Baseline time over product time, pair by pair: above 1 the product is faster."""
        return tuple(b / p for b, p in zip(self.baseline_seconds, self.product_seconds, strict=True))

    @property
    def ratio(self) -> float:
        """The median of `ratios`."""
        return statistics.median(self.ratios)

    def figures(self) -> dict[str, Any]:
        """The part of a result line that every benchmark has."""
        return {
            "ratio": round(self.ratio, 4),
            "ratio_low": round(min(self.ratios), 4),
            "ratio_high": round(max(self.ratios), 4),
            "repeats": len(self.ratios),
            "baseline_seconds": round(statistics.median(self.baseline_seconds), 4),
            "product_seconds": round(statistics.median(self.product_seconds), 4),
        }

    def __str__(self) -> str:
        return (
            f"{self.ratio:.2f} x the baseline's speed, median of {len(self.ratios)} pairs "
            f"[{min(self.ratios):.2f} to {max(self.ratios):.2f}]"
        )


def alternate(
    baseline: Callable[[], Baseline],
    product: Callable[[], Product],
    *,
    repeats: int = 5,
    warm_up: bool = True,
    before: Callable[[], object] | None = None,
) -> Comparison[Baseline, Product]:
    """Time `baseline` and `product` in turns; the first of a pair changes from pair to pair.

    Args:
        repeats: Pairs timed, at least one.
        warm_up: Run each once untimed first (imports, caches, compilers).
        before: Called untimed before every single run, for example to empty an output folder.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")

    def timed(work: Callable[[], Any]) -> tuple[float, Any]:
        if before is not None:
            before()
        began = time.perf_counter()
        answer = work()
        return time.perf_counter() - began, answer

    if warm_up:
        timed(baseline)
        timed(product)
    pairs = []
    for turn in range(repeats):
        if turn % 2 == 0:
            first = timed(baseline)
            second = timed(product)
        else:
            second = timed(product)
            first = timed(baseline)
        pairs.append((first, second))
    (_, base_answer), (_, product_answer) = pairs[-1]
    return Comparison(tuple(b for (b, _), _ in pairs), tuple(p for _, (p, _) in pairs), base_answer, product_answer)


def machine() -> dict[str, Any]:
    """Processor, usable cores, memory, present load, system and Python: what a time depends on, nothing personal."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts: dict[str, Any] = {
        "processor": _processor(),
        "cores": usable,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        facts["memory_gib"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    if hasattr(os, "getloadavg"):
        facts["load"] = round(os.getloadavg()[0], 1)  # of the last minute; the benchmark itself is part of it
    return facts


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions(*packages: str) -> dict[str, str | None]:
    """Installed versions of `packages`, ``None`` where one is absent."""
    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def append_result(name: str, figures: dict[str, Any], *, packages: tuple[str, ...] = ()) -> Path:
    """Append one line of JSON to ``benchmarks/results/NAME.jsonl``: date (UTC), machine, versions, then `figures`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.jsonl"
    line = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(*packages),
        **figures,
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, allow_nan=False) + "\n")
    return path
