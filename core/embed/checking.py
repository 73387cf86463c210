"""Whether a network's weights are there and fit, said before any long work begins.

The contract: nothing is fetched and nothing in a file is run; a refusal is one sentence that says the way out.
"""

from __future__ import annotations

import hashlib
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from core.embed.load import open_network
from core.errors import ModelError
from core.settings import EmbedSettings

PATIENCE = 4.0
"""Seconds within which the hub has to answer."""
_PIECE = 2**20


@dataclass(frozen=True)
class Fit:
    """A weights file that fits a network.

    Attributes:
        file: Its name.
        size: Bytes.
        sha256: Hex of its content.
        dimension: Length of an embedding.
        classes: That its head tells apart; ``None`` where it holds the body alone.
    """

    file: str
    size: int
    sha256: str
    dimension: int
    classes: int | None


def check_file(settings: EmbedSettings) -> Fit:
    """Open the weights file that `settings` name as a run would.

    Raises:
        SettingsError: there is no such network, or its input is too small.
        ModelError: no file is named, or it is missing, damaged, of another network, or might run code.
    """
    if settings.weights is None:
        raise ModelError("no weights file is named; choose one")
    path = Path(settings.weights)
    opened = open_network(settings)
    return Fit(path.name, path.stat().st_size, sha256_of(path), opened.dimension, opened.classes)


def check_own(name: str) -> None:
    """Whether a network's own weights can be had: shipped, fetched before, or on a hub that answers now.

    Raises:
        SettingsError: there is no such network.
        ModelError: they are not on this machine and the hub does not answer.
    """
    if name == "demo":
        return
    import torch.hub
    from torchvision.models import get_model_weights

    from core.embed.torchvision_embedders import require_known

    require_known(name)
    url = str(get_model_weights(name).DEFAULT.url)
    kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    if not kept.is_file() and not answers(url):
        raise ModelError(
            f"the weights of {name} are not on this machine, and {urlparse(url).hostname}, which has them, does not "
            "answer; connect to the internet once, take another network, or choose a file where one can be chosen"
        )


def answers(url: str) -> bool:
    """Whether an address can be had within `PATIENCE`; nothing of it is fetched."""
    found: list[bool] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - torchvision's own https addresses
            with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310
                found.append(True)
        except (OSError, ValueError):  # no network, no such name, no such file
            return

    asking = threading.Thread(target=ask, daemon=True)  # looking up a name has no time limit of its own
    asking.start()
    asking.join(PATIENCE)
    return bool(found)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content in hex, read in pieces.

    Raises:
        ModelError: it cannot be read.
    """
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                found.update(piece)
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read ({error.strerror}); choose another file") from error
    return found.hexdigest()
