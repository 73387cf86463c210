"""Learning rates: the finder's sweep, and the course of a rate over a phase.

Finder: Smith 2015, arXiv 1506.01186: the rate grows batch by batch until the loss explodes; a tenth of the rate with
the least smoothed loss is taken. Course: a short rise, then half a cosine down (Smith & Topin 2018, arXiv 1708.07120).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

LOWEST, HIGHEST = 1e-6, 1.0
_SMOOTH = 0.8
_RISE = 0.25


@dataclass(frozen=True)
class Ramp:
    """Where an epoch stands in its phase, and how many that has."""

    epoch: int
    epochs: int


@dataclass(frozen=True)
class FoundRate:
    """The finder's answer.

    Attributes:
        rate: Suggested largest rate.
        rates, losses: The sweep, smoothed: what its plot shows.
    """

    rate: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"rate": self.rate, "rates": list(self.rates), "losses": list(self.losses)}


def rate_at(epoch: float, epochs: int) -> float:
    """Share of the largest rate, in (0, 1], at a moment of a phase of `epochs`."""
    done = min(1.0, epoch / max(1, epochs))
    if done < _RISE:
        return 0.1 + 0.9 * done / _RISE
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - _RISE) / (1 - _RISE)))


def find_rate(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, NDArray[np.int64]]],
    loss_of: Callable[[Tensor, NDArray[np.int64]], Tensor],
    steps: int = 60,
) -> FoundRate:
    """Sweep the rate over the head and all layers behind it that learn; the network is left as it was.

    Args:
        batches: Pictures and rows, one for each step.
        loss_of: The loss of a batch.
    """
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    head = [p for name, p in network.named_parameters() if name.startswith("head.")]
    optimiser = torch.optim.AdamW(head, lr=LOWEST)
    rates, losses = [], []
    smooth, least = 0.0, math.inf
    network.eval()
    for step, (images, rows) in enumerate(batches):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / max(1, steps - 1))
        optimiser.param_groups[0]["lr"] = rate
        loss = loss_of(images, rows)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        smooth = _SMOOTH * smooth + (1 - _SMOOTH) * float(loss.detach())
        corrected = smooth / (1 - _SMOOTH ** (step + 1))
        if not math.isfinite(corrected) or (step > 5 and corrected > 4 * least):
            break
        least = min(least, corrected)
        rates.append(rate)
        losses.append(round(corrected, 6))
    network.load_state_dict(before)
    place = int(np.argmin(losses)) if losses else 0
    found = rates[place] / 10 if rates else 1e-3
    return FoundRate(float(np.clip(found, 1e-5, 1e-2)), tuple(rates), tuple(losses))
