"""MAP@20 as the FathomNet competition scores it, with the normalisation that its page leaves out.

    MAP@20 = (1/U) sum over images u of (1/min(m_u, 20)) sum over k <= min(n_u, 20) of P(k) rel(k)

m_u true labels and n_u predictions of image u, P(k) the share of true labels among the first k predictions, rel(k)
whether the k-th is one. Without ``1/min(m_u, 20)`` the value can pass 1 on images with several labels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError

DEPTH = 20


@dataclass(frozen=True)
class Retrieval:
    """Mean average precision of ranked labels.

    Attributes:
        value: In [0, 1]; larger is better. NaN when no image has a true label.
        per_image: ``[U]`` average precision of each image that counts, in the order given.
        counted: ``[U]`` int64, the places of those images among all that were given.
        left_out: Images without true labels.
    """

    value: float
    per_image: NDArray[np.float64]
    counted: NDArray[np.int64]
    left_out: int


def ranked(predictions: Iterable[tuple[int, float]]) -> list[int]:
    """Label ids from the highest score down; equal scores by id, a repeated label once, at its best place.

    Args:
        predictions: ``(label id, score)``, larger scores are surer.
    """
    ordered = sorted(predictions, key=lambda prediction: (-prediction[1], prediction[0]))
    return list(dict.fromkeys(label for label, _ in ordered))


def average_precision(truth: Collection[int], predicted: Sequence[int], depth: int = DEPTH) -> float:
    """``(1/min(m, depth)) sum P(k) rel(k)`` of one image, in [0, 1].

    Args:
        truth: Its true labels, at least one.
        predicted: Label ids, surest first; a repeated one counts once, at its first place.
    """
    wanted = set(truth)
    hits, total = 0, 0.0
    for place, label in enumerate(list(dict.fromkeys(predicted))[:depth], start=1):
        if label in wanted:
            hits += 1
            total += hits / place
    return total / min(len(wanted), depth)


def map_at_20(truth: Sequence[Collection[int]], predicted: Sequence[Sequence[int]], depth: int = DEPTH) -> Retrieval:
    """Mean average precision over the images that have true labels.

    Args:
        truth: True label ids of each image.
        predicted: Predicted label ids of each, surest first (see `ranked`).
        depth: Predictions that count, at least 1.

    Raises:
        SettingsError: lengths differ or the depth is below 1.
    """
    if len(truth) != len(predicted) or depth < 1:
        raise SettingsError(
            f"true and predicted labels must be of one length and the depth at least 1, "
            f"got {len(truth)}, {len(predicted)} and {depth}"
        )
    counted = [place for place, labels in enumerate(truth) if labels]
    values = np.array([average_precision(truth[place], predicted[place], depth) for place in counted])
    value = float(values.mean()) if counted else float("nan")
    return Retrieval(value, values, np.array(counted, np.int64), len(truth) - len(counted))
