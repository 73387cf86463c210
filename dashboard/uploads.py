"""The only door for a visitor's bytes: sniffed, measured, decoded by us, and never kept as they came.

The contract:
- the content says what a file is; its name and the browser's word for it are ignored;
- what comes out is plain RGB pixels of a known size; a refusal is an `ImageError` in one sentence.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import streamlit as st

from core.errors import ImageError
from core.images.decode import decode

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_BYTES = 25 * 2**20
MAX_PIXELS = 80_000_000
LONGEST = 2048
"""Longest side kept, in pixels: more than any network is shown."""


_KINDS = ["jpg", "jpeg", "png", "tif", "tiff", "webp", "bmp", "gif"]  # a hint to the browser; the content decides


class Sent(Protocol):
    """What Streamlit's uploader gives."""

    size: int

    def getvalue(self) -> bytes:
        """The whole content."""
        ...


@dataclass(frozen=True)
class Upload:
    """One picture from a visitor.

    Attributes:
        image: RGB, upright, at most `LONGEST` pixels on its longer side.
        digest: Hex of the sent bytes, 24 letters; what the picture is called from here on.
        width, height: Full size in pixels.
    """

    image: Image
    digest: str
    width: int
    height: int


def dropped(key: str) -> list[Any]:
    """Where a visitor drops pictures, and what was dropped (`Sent`, nothing of it taken in yet)."""
    sent: list[Any] = st.file_uploader(
        "Drop pictures here, or choose them",
        accept_multiple_files=True,
        type=_KINDS,
        key=key,
        max_upload_size=MAX_BYTES // 2**20,
    )
    return sent


def received(sent: Sent) -> Upload:
    """Take in one picture.

    Raises:
        ImageError: too many bytes or pixels, or no picture that can be decoded whole.
    """
    if sent.size > MAX_BYTES:
        raise ImageError("too-large", f"a picture may have up to {MAX_BYTES // 2**20} MB here; save it smaller")
    content = sent.getvalue()
    decoded = decode(content, name="the picture", longest=LONGEST, max_pixels=MAX_PIXELS)
    digest = hashlib.blake2b(content, digest_size=12).hexdigest()
    return Upload(decoded.image, digest, decoded.width, decoded.height)
