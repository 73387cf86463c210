"""Image files made on the spot, good and hostile; every byte is ours."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as the content of a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def textured(width: int = 160, height: int = 120, seed: int = 0) -> Image.Image:
    """Smooth gradients with some noise: compresses like a photograph, is the same every time."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([60 + 120 * x / width, 90 + 80 * y / height, 140 - 60 * x / width], axis=-1)
    return Image.fromarray(np.clip(base + rng.normal(0, 12, base.shape), 0, 255).astype(np.uint8))


def quadrants(width: int = 32, height: int = 16) -> Image.Image:
    """Red, green over blue, white: every one of the eight orientations looks different."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 255)
    return Image.fromarray(pixels)


def png(width: int, height: int, bits: int, colour_type: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG from raw filtered rows; `extra` are whole chunks between header and data."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff(tags: dict[int, tuple[str, list[int]]], data: bytes, order: str = "<") -> bytes:
    """An uncompressed one-strip TIFF: tag to (``H`` or ``I``, values); strip tags are added."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tags = {**tags, 273: ("I", [8]), 279: ("I", [len(data)])}
    at = 8 + len(data) + len(data) % 2
    entries, beyond = b"", b""
    room = at + 2 + 12 * len(tags) + 4
    for tag, (code, values) in sorted(tags.items()):
        raw = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(raw) > 4:
            entries += struct.pack(order + "HHII", tag, {"H": 3, "I": 4}[code], len(values), room + len(beyond))
            beyond += raw + b"\0" * (len(raw) % 2)
        else:
            entries += struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[code], len(values)) + raw.ljust(4, b"\0")
    directory = struct.pack(order + "H", len(tags)) + entries + b"\0\0\0\0" + beyond
    return mark + struct.pack(order + "I", at) + data + b"\0" * (len(data) % 2) + directory


def grey_tiff(
    values: np.ndarray, *, bits: int, photometric: int = 1, sample_format: int = 1, order: str = "<"
) -> bytes:
    """A grey TIFF of `values` `[H, W]`, already of the right dtype."""
    height, width = values.shape
    tags = {256: ("I", [width]), 257: ("I", [height]), 258: ("H", [bits]), 259: ("H", [1])}
    more = {262: ("H", [photometric]), 277: ("H", [1]), 278: ("I", [height]), 339: ("H", [sample_format])}
    return tiff({**tags, **more}, values.astype(values.dtype.newbyteorder(order)).tobytes(), order)


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
