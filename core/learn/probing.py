"""Linear probes: logistic regression on features of a frozen body.

The contract:
- the whole problem at once, convex, by L-BFGS: no learning rate, no epochs, equal input gives equal weights;
- features are scaled to unit deviation while fitting, and the scale is folded into the weights that come out;
- an example whose concept is unknown adds nothing to that concept's loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import Cancelled, SettingsError
from core.learn.heads import HeadSpec, LinearHeads
from core.learn.labels import LabelTree
from core.progress import Progress, silent

ITERATIONS = 200


def fit_probe(
    features: NDArray[np.floating],
    targets: NDArray[np.bool_],
    known: NDArray[np.bool_],
    heads: Sequence[HeadSpec],
    tree: LabelTree,
    *,
    weights: NDArray[np.floating] | None = None,
    decay: float = 1e-2,
    iterations: int = ITERATIONS,
    progress: Progress = silent,
) -> LinearHeads:
    """A probe of one member.

    Args:
        features: ``[N, F]`` finite.
        targets, known: ``[N, C]`` bool.
        weights: ``[N]`` positive weight of each example, of any scale; equal by default.
        decay: L2 penalty on the weights of scaled features, relative to the mean loss of a concept.

    Raises:
        SettingsError: there is no example, or no concept with both answers.
    """
    if len(features) == 0:
        raise SettingsError("there is nothing to learn from: no example is left; choose other images")
    check_answers(targets, known)
    x = torch.from_numpy(np.ascontiguousarray(features, np.float32))
    mean, deviation = x.mean(0), x.std(0, correction=0)
    # A feature that hardly varies would be blown up by its scale; it gets the scale of the typical one.
    deviation = torch.clamp(deviation, min=0.05 * float(deviation.median()) + 1e-6)
    x = (x - mean) / deviation
    y = torch.from_numpy(targets.astype(np.float32))
    share = np.ones(len(features)) if weights is None else np.asarray(weights, np.float64)
    w = torch.from_numpy((share / share.mean()).astype(np.float32))
    use = torch.from_numpy(known.astype(np.float32))
    weight = torch.zeros(targets.shape[1], x.shape[1], requires_grad=True)
    bias = torch.zeros(targets.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=iterations, history_size=10, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )
    calls = [0]

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = torch.nn.functional.linear(x, weight, bias)
        total = sum_losses(logits, y, use, w, heads, tree) + 0.5 * decay * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        calls[0] += 1
        progress(min(calls[0], iterations), iterations)
        return total

    try:
        optimiser.step(loss)  # type: ignore[no-untyped-call]
    except Cancelled:
        raise
    progress(iterations, iterations)
    with torch.no_grad():
        scaled = weight / deviation
        shifted = bias - scaled @ mean
    return LinearHeads(scaled[None], shifted[None])


def sum_losses(
    logits: Tensor, targets: Tensor, known: Tensor, weights: Tensor, heads: Sequence[HeadSpec], tree: LabelTree
) -> Tensor:
    """Sum over concepts (or `single` heads) of the weighted mean loss over the examples that are known."""
    total = logits.new_zeros(())
    for head in heads:
        columns = torch.from_numpy(head.answering(tree)).to(logits.device)
        z, y, k = logits[:, columns], targets[:, columns], known[:, columns]
        if head.kind == "multi":
            each = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
            share = k * weights[:, None]
            total = total + ((each * share).sum(0) / share.sum(0).clamp(min=1e-9)).sum()
        else:
            share = weights * (k.min(1).values > 0) * (y.sum(1) == 1)
            each = torch.nn.functional.cross_entropy(z, y.argmax(1), reduction="none")
            total = total + (each * share).sum() / share.sum().clamp(min=1e-9)
    return total


def check_answers(targets: NDArray[np.bool_], known: NDArray[np.bool_]) -> None:
    """Something must be there to tell apart.

    Raises:
        SettingsError: every concept is everywhere, or nowhere, among the images where it is known.
    """
    present, absent = (targets & known).any(0), (~targets & known).any(0)
    if not (present & absent).any():
        raise SettingsError(
            f"there is nothing to tell apart: the only concept is in every image of the {len(targets)}; "
            "add images without it, or with other concepts"
            if targets.shape[1] == 1
            else "there is nothing to tell apart: every concept is in all of the images or in none; add other images"
        )


def stacked(members: Sequence[LinearHeads]) -> LinearHeads:
    """Several probes on the same features as one ensemble."""
    return LinearHeads(torch.cat([one.weight for one in members]), torch.cat([one.bias for one in members]))
