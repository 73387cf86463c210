"""Files before they are pictures: where they really lie, what they hold by their first bytes, one safe reading.

The contract:
- a path is followed to its real place, and that place is inside the dataset's folder or refused;
- only regular files are read, once, and never waited for;
- the content decides what a file is; the ending only promises.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from core.errors import ImageError

MAX_BYTES = 2**30
"""A larger file is refused unread: a frame is held in memory once."""

FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "WebP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
}
"""Formats read, each with the endings that promise it."""

_READ_AS = "Benthoscope reads JPEG, PNG, TIFF, WebP, BMP and GIF"
_READ_WITHOUT_WAITING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)


def is_image_name(path: Path) -> bool:
    """Whether a file's ending promises a format that is read; ``._name.jpg`` (macOS side files) are not images."""
    return path.suffix.lower() in _ENDINGS and not path.name.startswith("._")


def promised_format(path: Path) -> str | None:
    """The format that a file's ending promises, a key of `FORMATS`."""
    return _ENDINGS.get(path.suffix.lower())


_ENDINGS = {ending: kind for kind, endings in FORMATS.items() for ending in endings}


def within(root: Path, path: Path) -> Path:
    """The real place of `path` (relative to `root` unless absolute), which must lie inside `root`.

    Raises:
        ImageError: ``outside`` where ``..`` or a link leads out of `root`; ``missing`` or ``unreadable``.
    """
    name = repr(path.name)
    try:
        base = root.resolve(strict=True)
        real = (base / path).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ImageError("missing", f"{name} is not there; check the path and the folder it is relative to") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, up to Python 3.12
        raise ImageError("unreadable", f"{name} cannot be reached ({_reason(error)}); check its folder") from error
    if not real.is_relative_to(base):
        raise ImageError("outside", f"{name} leads out of the dataset's folder; copy the file into it")
    return real


def read_file(path: Path) -> tuple[bytes, os.stat_result]:
    """A regular file's whole content and its facts, from one opening; pipes and devices are never waited for.

    Raises:
        ImageError: ``missing``, ``unreadable`` or ``too-large`` (over `MAX_BYTES`).
    """
    name = repr(path.name)
    try:
        with os.fdopen(os.open(path, _READ_WITHOUT_WAITING), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise ImageError("unreadable", f"{name} is a folder, pipe or device, not a file; leave it out")
            if facts.st_size > MAX_BYTES:
                raise ImageError("too-large", f"{name} has {facts.st_size} bytes, more than {MAX_BYTES}; tile it first")
            return file.read(), facts
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ImageError("missing", f"{name} is not there; check the path and the folder it is relative to") from error
    except IsADirectoryError as error:
        raise ImageError("unreadable", f"{name} is a folder, not a file; leave it out") from error
    except OSError as error:
        raise ImageError("unreadable", f"{name} cannot be read ({_reason(error)}); check its permissions") from error


def sniff(content: bytes, *, name: str = "the picture") -> str:
    """The format of a file by its first bytes, a key of `FORMATS`.

    Raises:
        ImageError: ``empty``, ``unsupported`` (a picture or video of another kind) or ``not-an-image``.
    """
    if not content:
        raise ImageError("empty", f"{name} is empty (0 bytes); copy it again from its source")
    head = content[:32]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    other = _other_kind(head)
    if other is not None:
        raise ImageError("unsupported", f"{name} is {other}; {_READ_AS}: convert it first")
    raise ImageError("not-an-image", f"{name} is not an image that can be recognised; {_READ_AS}")


def _other_kind(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        if head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis"):
            return "a HEIC or AVIF picture"
        return "a video"
    if head.startswith((b"\x1aE\xdf\xa3", b"\0\0\x01\xba")) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "a video"
    if head.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        return "a JPEG 2000 picture"
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "a JPEG XL picture"
    return "a Photoshop document" if head.startswith(b"8BPS") else None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "links in a circle"
