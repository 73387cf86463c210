"""Labels that pull a map together: the weighted graph of UMAP met with what is known of its points.

McInnes, Healy & Melville 2018, arXiv 1802.03426, as umap-learn does for categories: an edge between points of
different labels is weakened by exp(-5), one with an unknown label by exp(-1), and every point's edges are scaled up
again, so that regions without a label still hang together by their likeness. The numbers are those of umap-learn's
`discrete_metric_simplicial_set_intersection` with its default weight of one half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import coo_matrix

_DIFFERENT, _UNKNOWN = 5.0, 1.0


def meet_labels(weights: coo_matrix, labels: NDArray[np.integer]) -> coo_matrix:
    """The graph once labels have their say.

    Args:
        weights: ``[N, N]`` symmetric, in (0, 1], of `core.space.memberships.memberships`.
        labels: ``[N]`` codes, -1 where nothing is known.

    Returns:
        ``[N, N]`` symmetric float32, in (0, 1].
    """
    from scipy.sparse import coo_matrix, diags

    left, right = labels[weights.row], labels[weights.col]
    unknown = (left < 0) | (right < 0)
    factor = np.where(unknown, np.exp(-_UNKNOWN), np.where(left == right, 1.0, np.exp(-_DIFFERENT)))
    met = coo_matrix((weights.data * factor, (weights.row, weights.col)), shape=weights.shape).tocsr()
    largest = met.max(axis=1).toarray().ravel()
    scaled = diags(1.0 / np.where(largest > 0, largest, 1.0)) @ met
    turned = scaled.T.tocsr()
    joined = (scaled + turned - scaled.multiply(turned)).tocoo()
    joined.data = joined.data.astype(np.float32)
    joined.eliminate_zeros()
    return joined


def label_codes(concepts: list[tuple[str, ...]]) -> NDArray[np.int64]:
    """``[N]`` a code for regions that show exactly one concept, -1 for the others: several would pull two ways."""
    names = sorted({names[0] for names in concepts if len(names) == 1})
    place = {name: code for code, name in enumerate(names)}
    return np.array([place[names[0]] if len(names) == 1 else -1 for names in concepts], np.int64)
