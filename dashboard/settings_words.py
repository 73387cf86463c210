"""The settings of a run as a scientist calls them: networks, regions, and the name of every setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.processing.steps import in_words
from dashboard import remaking

if TYPE_CHECKING:
    from core.settings import EmbedSettings

NETWORKS = {
    "demo": "the demonstration's own, small",
    "mobilenet_v2": "MobileNet V2",
    "resnet50": "ResNet-50",
    "convnext_tiny": "ConvNeXt, tiny",
}
SEARCHES = {"auto": "as fits the number", "exact": "exact", "approximate": "approximate"}
_SETTINGS = {
    "regions": "embedded",
    "regions kind": "embedded",
    "regions rows": "tiles: rows",
    "regions columns": "tiles: columns",
    "regions overlap": "tiles: overlap",
    "embed embedder": "network",
    "embed weights": "weights",
    "embed short side": "shorter side, pixels",
    "embed max aspect": "longest side over shortest",
    "embed batch": "regions at once",
    "embed precision": "precision",
    "embed device": "device",
    "embed steps": "preprocessing",
    "ood alpha": "false-alarm rate",
    "ood detectors": "other detectors",
    "ood k": "neighbours in a score",
    "ood model": "model that detectors read",
    "projection method": "map by",
    "projection n neighbors": "map: neighbours",
    "projection min dist": "map: smallest distance",
    "projection seed": "map: seed",
    "projection fast": "map: quicker layout",
    "clusters method": "clusters by",
    "clusters min cluster size": "clusters: smallest",
    "clusters min samples": "clusters: neighbours",
    "clusters epsilon": "clusters: not split below",
    "neighbours": "neighbours kept",
    "search method": "search of neighbours",
    "search limit": "search: exact up to",
    "search recall": "search: recall to reach",
}
"""Setting, as `core.between.settings_between` names it → how a scientist calls it."""


def regions_in_words(text: str) -> str:
    """What a run embeds, from how its settings write it."""
    kind, _, grid = text.partition(":")
    rows, _, columns = grid.partition("x")
    return {"image": "whole pictures", "boxes": "marked boxes"}.get(kind, f"tiles, {rows} rows of {columns}")


def network_in_words(embed: EmbedSettings) -> str:
    """A run's network, its weights where a file was named, and its input's size."""
    weights = f", weights {embed.weights_name}" if embed.weights_name else ""
    return f"{embed.embedder}{weights}, {embed.short_side} pixels"


def title(name: str) -> str:
    """A setting by its name in `settings_between`."""
    return _SETTINGS.get(name, name)


def told(name: str, value: str) -> str:
    """A setting's value in words."""
    if name == "embed steps" and value:
        return in_words(value.split(" and "))
    if name == "clusters method":
        return remaking.KINDS.get(value, value)
    if name == "regions kind":
        return {"image": "whole pictures", "boxes": "marked boxes"}.get(value, value)
    if name == "search method":
        return SEARCHES.get(value, value)
    if name == "embed weights" and not value:
        return "the network's own"
    return {"": "none", "True": "yes", "False": "no"}.get(value, value)
