"""The networks that maps are made with, opened once a process and shared by all who ask.

The contract:
- a run's maps are made by the very network that made its embeddings: other weights are refused;
- maps are computed in float32, whatever precision the run had;
- at most `_KEPT` networks are kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from core.device import available_devices
from core.embed.embedder import Embedder
from core.embed.load import load_embedder
from core.errors import ModelError
from core.explain.grids import Grid, on_grid
from core.explain.heads import ClassHead, own_head
from core.runs import Run

_KEPT = 6
_Value = TypeVar("_Value", Embedder, ClassHead)
_lock = threading.RLock()
_kept: OrderedDict[tuple[str, ...], Embedder | ClassHead] = OrderedDict()


def network_of(run: Run, grid: Grid = "usual") -> Embedder:
    """The run's embedder, on the grid asked for.

    Raises:
        ModelError: the weights are gone, or are not those of the run.
        SettingsError: the network cannot have this grid.
    """
    facts = run.manifest["embedder"]

    def opened() -> Embedder:
        settings = run.settings.embed
        wished = settings.device if settings.device in available_devices() else "auto"
        embedder = load_embedder(replace(settings, device=wished, precision=facts["precision"]))
        if embedder.key != facts["key"]:
            raise ModelError(
                f"the weights of {embedder.name} are not those that run {run.id} was made with; "
                "put the old file back, or run the pipeline again"
            )
        return embedder

    plain = _shared(("network", str(facts["key"]), "usual"), opened)
    return plain if grid == "usual" else _shared(("network", plain.key, grid), lambda: on_grid(plain, grid))


def head_of(embedder: Embedder) -> ClassHead:
    """The class head that the embedder's weights came with.

    Raises:
        ModelError: they came without.
    """
    return _shared(("head", embedder.key, str(embedder.settings.weights)), lambda: own_head(embedder))


def _shared(key: tuple[str, ...], make: Callable[[], _Value]) -> _Value:
    with _lock:
        value = _kept.get(key)
        if value is None:
            value = make()
            _kept[key] = value
            while len(_kept) > _KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return value  # type: ignore[return-value]  # a key's first word says which of the two it is
