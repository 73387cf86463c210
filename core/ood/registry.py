"""The detectors by name, as the command line and the pages offer them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from core.errors import SettingsError
from core.ood.detector import Detector
from core.ood.ensemble import RankEnsemble
from core.ood.gaussian import Mahalanobis, RelativeMahalanobis, RootMahalanobis
from core.ood.local import Knn, Lof
from core.ood.logits import Energy, MaxLogit
from core.ood.mixture import Mixture
from core.ood.subspace import PcaResidual, RootResidual, Vim

DETECTORS: dict[str, Detector] = {
    detector.name: detector
    for detector in (
        Knn(),
        Lof(),
        Mixture(),
        Mahalanobis(),
        RootMahalanobis(),
        RelativeMahalanobis(),
        PcaResidual(),
        RootResidual(),
        Vim(),
        Energy(),
        MaxLogit(),
        RankEnsemble(),
    )
}
"""Every detector with its usual settings."""
SUGGESTED = "ensemble"
"""The detector to name beside kNN when in doubt; ``benchmarks/ood.py`` holds the rule by which it is chosen."""


def readers_of_logits() -> str:
    """Names of the detectors that read a classifier's logits, for a sentence."""
    *first, last = (name for name, detector in DETECTORS.items() if detector.needs_logits)
    return f"{', '.join(first)} and {last}"


def detectors_named(names: Iterable[str], *, logits: bool = False) -> tuple[Detector, ...]:
    """The detectors of a run beside its kNN score, each once, in the order given.

    Args:
        logits: Whether there is a classifier whose logits can be read.

    Raises:
        SettingsError: a name is unknown, is the run's own kNN score, or needs logits that are not there.
    """
    found = []
    for name in dict.fromkeys(name.strip().lower().replace("-", "_") for name in names):
        if name == "knn":
            raise SettingsError("kNN is every run's own score already; name another detector, or leave --detector out")
        if name not in DETECTORS:
            near = difflib.get_close_matches(name, DETECTORS, n=1)
            known = ", ".join(sorted(key for key in DETECTORS if key != "knn"))
            hint = f"did you mean {near[0]}?" if near and near[0] != "knn" else f"choose from {known}"
            raise SettingsError(f"there is no detector called {name!r}; {hint}")
        if DETECTORS[name].needs_logits and not logits:
            usable = ", ".join(sorted(key for key, d in DETECTORS.items() if key != "knn" and not d.needs_logits))
            raise SettingsError(
                f"the detector {name} reads a classifier's logits; name a trained model (--model), or choose from "
                f"{usable}"
            )
        found.append(DETECTORS[name])
    return tuple(found)
