"""Opening image files that nobody has checked.

The contract:
- the content decides what a file is, never its ending; only the formats in `FORMATS` are tried, each by its own
  decoder, so that no other of Pillow's readers (some start programs) ever sees a stranger's bytes;
- what comes out is RGB, 8 bits a channel, turned upright, without metadata, with transparency on plain grey;
- whatever goes wrong is an `ImageError` with one code and one sentence; Pillow's warnings stay inside;
- Pillow's process-wide settings are left alone; the limit on size is our own, checked before a pixel is decoded.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from core.errors import ImageError, SettingsError
from core.images.exif import ExifFacts, directory_is_whole, read_exif
from core.images.files import is_image_name, read_file, sniff, within
from core.images.pixels import to_rgb

__all__ = ["MAX_PIXELS", "Decoded", "decode", "is_image_name", "open_image", "upright_size", "within"]

MAX_PIXELS = 300_000_000

_DECODERS: dict[str, Callable[[io.BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "TIFF": TiffImageFile,
    "WebP": WebPImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
}
_MAX_JPEG_SCANS = 500  # a progressive file has about ten; each further one costs a pass over the whole picture
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Decoded:
    """One decoded picture and what its header said.

    Attributes:
        image: RGB, upright, at most the asked longest side.
        format: A key of `FORMATS`.
        width, height: Full size in pixels as displayed (turned upright).
        exif: Facts of the EXIF block.
    """

    image: Image.Image
    format: str
    width: int
    height: int
    exif: ExifFacts


def open_image(source: Path | bytes, *, longest: int | None = None, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a file, or a file's bytes, to upright RGB, 8 bits a channel.

    Args:
        source: A path, or the whole content of a file.
        longest: Shrink so that the longer side is at most this many pixels (never enlarged, aspect kept; Hamming
            window, near bicubic at half the cost).
            A JPEG is then decoded at 1/2, 1/4 or 1/8 of its size where that still leaves at least `longest`, which
            differs from the full way by about one grey level on average.
        max_pixels: Refuse larger pictures by their header. Pillow itself refuses TIFF and WebP above about 179 million.

    Raises:
        ImageError: ``missing``, ``unreadable``, ``empty``, ``not-an-image``, ``truncated``, ``too-large`` or
            ``unsupported``.
    """
    if isinstance(source, bytes):
        return decode(source, longest=longest, max_pixels=max_pixels).image
    content, _ = read_file(source)
    return decode(content, name=repr(source.name), longest=longest, max_pixels=max_pixels).image


def decode(
    content: bytes, *, name: str = "the picture", longest: int | None = None, max_pixels: int = MAX_PIXELS
) -> Decoded:
    """As `open_image` for bytes, with the header's facts; `name` is what error sentences call the file."""
    if longest is not None and longest < 1:
        raise SettingsError(f"longest must be at least 1 pixel, got {longest}")
    kind = sniff(content, name=name)
    stream = io.BytesIO(content)
    with _pillow_quiet():
        try:
            picture = _DECODERS[kind](stream)
            full = picture.size
            if full[0] * full[1] > max_pixels:
                raise ImageError(
                    "too-large",
                    f"{name} claims {full[0]} x {full[1]} pixels, more than the limit of {max_pixels}; tile it first",
                )
            box = None
            if isinstance(picture, JpegImageFile):
                _check_jpeg(content, stream.tell(), "progressive" in picture.info, name)
                box = _draft(picture, longest)
            picture.load()
            full = full if box else picture.size
            upright = _finish(picture, full, box, longest)
            exif = read_exif(content if kind == "TIFF" else _exif_block(picture))
        except ImageError:
            raise
        except Exception as error:  # whatever hostile bytes make a decoder raise: the boundary of trust is here
            raise _refusal(error, content, kind, name) from error
    # Pillow turns TIFF while decoding; the other formats are turned here, after shrinking, where it is cheap.
    turn = None if kind == "TIFF" else _TURNS.get(exif.orientation)
    if turn is not None:
        upright = upright.transpose(turn)
        full = full if exif.orientation < 5 else (full[1], full[0])
    return Decoded(upright, kind, full[0], full[1], exif)


def upright_size(content: bytes, *, name: str = "the picture", max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height in pixels as displayed, by the header alone; the errors are those of `open_image`."""
    kind = sniff(content, name=name)
    with _pillow_quiet():
        try:
            picture = _DECODERS[kind](io.BytesIO(content))
            exif = read_exif(content if kind == "TIFF" else _exif_block(picture))
        except Exception as error:  # as in `decode`
            raise _refusal(error, content, kind, name) from error
    width, height = picture.size
    if width * height > max_pixels:
        raise ImageError(
            "too-large",
            f"{name} claims {width} x {height} pixels, more than the limit of {max_pixels}; tile it first",
        )
    return (height, width) if exif.orientation >= 5 else (width, height)


def _check_jpeg(content: bytes, scan_start: int, progressive: bool, name: str) -> None:
    """Refuse what libjpeg would fill up with grey in silence, or work on for hours.

    Inside a scan 0xFF is always escaped, so an end marker after the first scan's start is a true one. A copy that was
    broken off often has its full length, the rest being zeros: zeros decode to grey, only the end marker is missing.
    """
    if content.rfind(b"\xff\xd9", scan_start) < 0:
        raise ImageError("truncated", f"{name} breaks off before the picture ends; copy it again from its source")
    if progressive and content.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise ImageError(
            "unsupported", f"{name} has over {_MAX_JPEG_SCANS} scans, which no camera writes; save it anew"
        )


def _draft(picture: JpegImageFile, longest: int | None) -> tuple[float, float, float, float] | None:
    """Ask libjpeg for 1/2, 1/4 or 1/8 of the size where enough remains; the picture's part of the shrunken grid."""
    if longest is None or longest >= max(picture.size):
        return None
    drafted = picture.draft(None, _shrunk(picture.size, longest))
    return None if drafted is None else drafted[1]


def _shrunk(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _finish(
    picture: ImageFile, full: tuple[int, int], box: tuple[float, float, float, float] | None, longest: int | None
) -> Image.Image:
    """RGB at the asked size, free of the file's metadata."""
    colours = to_rgb(picture)
    if longest is not None and longest < max(full):
        colours = colours.resize(_shrunk(full, longest), Image.Resampling.HAMMING, box=box, reducing_gap=2.0)
    elif colours is picture:
        colours = picture.copy()
    colours.info.clear()
    return colours


def _exif_block(picture: ImageFile) -> bytes:
    block = picture.info.get("exif", b"")
    if not block and isinstance(profile := picture.info.get("Raw profile type exif"), str):
        # ImageMagick writes EXIF into PNG as text: a name, a length, then hexadecimal digits.
        digits = "".join(profile.split("\n")[3:])
        try:
            block = bytes.fromhex(digits)
        except ValueError:
            return b""
    return block if isinstance(block, bytes) else b""


_UNSUPPORTED_SIGNS = ("unknown pixel mode", "unknown data organization", "cannot handle", "Unsupported BMP")


def _refusal(error: Exception, content: bytes, kind: str, name: str) -> ImageError:
    if isinstance(error, Image.DecompressionBombError | MemoryError):
        return ImageError("too-large", f"{name} is too large to be decoded; tile it first")
    known_kind = kind != "TIFF" or directory_is_whole(content)  # a TIFF cut in its directory looks like an odd kind
    if known_kind and any(sign in str(error) for sign in _UNSUPPORTED_SIGNS):
        return ImageError("unsupported", f"{name} is a kind of {kind} that cannot be read; save it as 8-bit RGB")
    return ImageError("truncated", f"{name} is a {kind} whose data break off or are damaged; copy it again")


_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_filter: Any = None


@contextmanager
def _pillow_quiet() -> Iterator[None]:
    """Ignore warnings from Pillow's modules while any thread is inside.

    `warnings.catch_warnings` swaps the whole list of filters and puts the old one back, which mixes up threads that
    overlap; this adds one entry when the first thread comes in and takes it out when the last one leaves.
    """
    global _quiet_depth, _quiet_filter
    with _quiet_lock:
        if _quiet_depth == 0:
            warnings.filterwarnings("ignore", module=r"PIL\.")
            _quiet_filter = warnings.filters[0]
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            filters = cast("list[Any]", warnings.filters)
            if _quiet_depth == 0 and _quiet_filter in filters:
                filters.remove(_quiet_filter)
