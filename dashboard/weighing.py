"""The weights of a new run's network: its own, or a file chosen with the mouse and checked before anything runs.

The contract:
- a file lies below a folder that pages may read, or in the workspace's folder of weights, links followed;
- a file that is sent is read as plain weights before it is kept; nothing in it is ever run;
- what a check found is remembered until the file changes.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import streamlit as st

from core.errors import CoreError, ModelError, WorkspaceError
from dashboard import finding, parts, sending, words
from dashboard.boundary import sentence

if TYPE_CHECKING:
    from core.settings import EmbedSettings
    from core.workspace import Workspace

FOLDER = "weights"
"""In the workspace: weights files that were sent, or put there by hand."""
ENDINGS = (".safetensors", ".pth")
MAX_BYTES = 200 * 2**20
OWN, KEPT, MACHINE, SENT = "own", "kept", "machine", "sent"
WAY = "start_weights"
"""Widget: one of the four."""
PLACES = {KEPT: "start_weights_kept", MACHINE: "start_weights_found"}
"""Where the path that was chosen in either way stands."""
_SOUGHT = finding.Sought("weigh", ENDINGS, "weights file", ":material/network_node:", False)
_ROUND = "start_weights_round"
_REFUSED = "start_weights_refused"
_PIECE = 2**20
_AGAIN = 60.0
"""Seconds after which the hub is asked once more."""


class Sent(Protocol):
    """What Streamlit's uploader gives: bytes to read in pieces."""

    name: str
    size: int

    def read(self, size: int, /) -> bytes:
        """The next bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Chosen:
    """The weights that a visitor wants.

    Attributes:
        path: Of a file that may be read; ``None`` for the network's own.
        usable: Whether a run can begin with them.
    """

    path: str | None
    usable: bool


@dataclass(frozen=True)
class _Found:
    said: str
    usable: bool


def chooser(space: Workspace, embed: EmbedSettings) -> Chosen:
    """Draw the choice, and say whether what is chosen fits the network of `embed`."""
    own = "its own, shipped" if embed.embedder == "demo" else "its own, from torchvision's hub"
    titles = {OWN: own, KEPT: "a file of this workspace", MACHINE: "a file of this machine", SENT: "a file of yours"}
    st.session_state.setdefault(WAY, OWN)
    way = st.segmented_control(
        "Weights",
        list(titles),
        required=True,
        key=WAY,
        format_func=titles.__getitem__,
        help="ImageNet's weights make any picture comparable; a file makes it work without the internet",
    )
    if way == OWN:
        found = _own(embed.embedder)
        parts.note(found.said)
        return Chosen(None, found.usable)
    try:
        path = {KEPT: _kept, MACHINE: _machine, SENT: _sent}[way](space)
        if path is None:
            return Chosen(None, False)
        status = path.stat()
        found = _checked(str(path), status.st_mtime_ns, status.st_size, embed.embedder, embed.short_side)
    except OSError as error:
        found = _Found(f"The weights file cannot be read ({error.strerror}); choose another.", False)
    except CoreError as error:
        found = _Found(sentence(str(error)), False)
    parts.note(found.said)
    return Chosen(str(path), True) if found.usable else Chosen(None, False)


def fill(space: Workspace, weights: str | None) -> None:
    """Make the choice that an earlier run made; before the choice is drawn."""
    way = OWN if weights is None else KEPT if Path(weights) in kept(space) else MACHINE
    st.session_state[WAY] = way
    if weights is not None:
        st.session_state[PLACES[way]] = weights
    if weights is not None and way == MACHINE:  # where its list opens
        st.session_state[f"{_SOUGHT.key}_place"] = str(Path(weights).parent)


def kept(space: Workspace) -> list[Path]:
    """Weights files of the workspace, by name."""
    folder = space.root.resolve() / FOLDER
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
    except OSError:
        return []
    return [path for path in found if path.resolve().is_relative_to(folder)]


def keep(space: Workspace, sent: Sent) -> Path:
    """Keep a weights file that was sent, under a harmless name; one with the same content is kept once.

    Raises:
        ModelError: it is too large, or no file of plain weights.
        WorkspaceError: it cannot be written.
    """
    name = sending.harmless(sent.name, set())
    if Path(name).suffix.lower() not in ENDINGS:
        raise ModelError(f"{sent.name} is no weights file; send a {' or '.join(ENDINGS)}")
    if sent.size > MAX_BYTES:
        raise ModelError(
            f"a weights file may have up to {MAX_BYTES // 2**20} MB here; put a larger one into the workspace's folder "
            f"{FOLDER}, or into a folder that the server may read"
        )
    folder = space.root.resolve() / FOLDER
    coming = folder / f".coming-{uuid4().hex}"
    try:
        coming.mkdir(parents=True)
        try:
            return _settle(folder, coming / name, sent)
        finally:
            shutil.rmtree(coming, ignore_errors=True)
    except OSError as error:
        raise WorkspaceError(f"{name} cannot be kept ({error.strerror or error}); free some space") from error


def _settle(folder: Path, coming: Path, sent: Sent) -> Path:
    from core.embed.checking import sha256_of
    from core.embed.weights import read_weights

    left = MAX_BYTES
    with coming.open("xb") as file:
        while piece := sent.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise ModelError(f"{coming.name} is larger than it said; send it again")
            file.write(piece)
    read_weights(coming)  # weights-only: what is no weights, or could run code, is not kept
    content, size = sha256_of(coming), coming.stat().st_size
    names = {path.name.lower(): path for path in folder.iterdir() if path.is_file()}
    for path in names.values():
        if path.suffix == coming.suffix and path.stat().st_size == size and sha256_of(path) == content:
            return path
    place = folder / sending.harmless(coming.name, set(names))
    return coming.replace(place)


def _kept(space: Workspace) -> Path | None:
    files = {str(path): path for path in kept(space)}
    if not files:
        parts.note("There is no weights file in this workspace yet: send one, or choose one of this machine.")
        return None
    key = PLACES[KEPT]
    if st.session_state.get(key) not in files:
        st.session_state[key] = next(iter(files))
    chosen = st.selectbox("File", list(files), key=key, format_func=lambda path: files[path].name)
    return files[chosen]


def _machine(space: Workspace) -> Path | None:
    just_now = finding.browser(_SOUGHT)
    if just_now is not None:
        st.session_state[PLACES[MACHINE]] = str(just_now)
    chosen = st.session_state.get(PLACES[MACHINE])
    if chosen is None:
        parts.note("Choose a .safetensors or .pth file.")
        return None
    path = finding.allowed(chosen)
    if path.suffix.lower() not in ENDINGS:
        raise WorkspaceError(f"{path.name} is no weights file; choose a {' or '.join(ENDINGS)}")
    return path


def _sent(space: Workspace) -> None:
    key = f"start_weights_sent_{st.session_state.get(_ROUND, 0)}"
    sent = st.file_uploader(
        "A weights file", type=[ending[1:] for ending in ENDINGS], key=key, max_upload_size=MAX_BYTES // 2**20
    )
    parts.note(
        f"A .safetensors or .pth file of up to {MAX_BYTES // 2**20} MB. It is read as plain weights, never run, and "
        "kept in the workspace."
    )
    st.button("Keep it", key="start_weights_keep", disabled=sent is None, on_click=_take, args=(space, key))
    parts.note(st.session_state.pop(_REFUSED, ""))


def _take(space: Workspace, key: str) -> None:
    """Keep what was sent, and choose it."""
    sent = st.session_state.get(key)
    if sent is None:
        return
    try:
        path = keep(space, sent)
    except CoreError as error:
        st.session_state[_REFUSED] = sentence(str(error))
        return
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1  # the uploader gives its memory back
    fill(space, str(path))


@st.cache_data(max_entries=16, ttl=_AGAIN, show_spinner="Looking for the network's weights")
def _own(embedder: str) -> _Found:
    if embedder == "demo":
        return _Found("", True)
    from core.embed.checking import check_own

    try:
        check_own(embedder)
    except CoreError as error:
        return _Found(sentence(str(error)), False)
    return _Found("", True)


@st.cache_data(max_entries=64, show_spinner="Checking the weights file")
def _checked(path: str, changed: int, size: int, embedder: str, short_side: int) -> _Found:
    from core.embed.checking import check_file
    from core.settings import EmbedSettings

    try:
        fit = check_file(EmbedSettings(embedder=embedder, weights=path, short_side=short_side))
    except CoreError as error:
        why = str(error)
        return _Found(f"{why}." if why.startswith(Path(path).name) else sentence(why), False)  # a name stays as it is
    head = (
        "It holds no head of classes, which maps of classes would need."
        if fit.classes is None
        else f"Its head tells {words.plural(fit.classes, 'class', 'classes')} apart."
    )
    return _Found(
        f"{fit.file} fits {embedder}: every layer has its weights, and a picture becomes {fit.dimension:,} numbers. "
        f"{head} {fit.size / 1e6:.1f} MB, SHA-256 {fit.sha256[:12]}….",
        True,
    )
