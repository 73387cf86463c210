"""Any of Pillow's pixel modes to plain RGB, one rule for each.

The contract:
- what is transparent lies on `GROUND`: colours hidden under zero alpha never show;
- integers keep their nominal scale (0 is black, the largest value that the file's bits can hold is white), so that
  frames of one camera stay comparable: nothing is stretched frame by frame;
- numbers without a nominal scale (32-bit integers, floats) take the smallest usual scale that holds them all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from core.errors import ImageError

GROUND = (128, 128, 128)
"""Plain mid-grey, sRGB: what stands where a picture is transparent or holds no number."""

_PLAIN = ("1", "L", "P", "CMYK", "YCbCr", "RGBX", "HSV")
_TIFF_BITS, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


def to_rgb(image: Image.Image) -> Image.Image:
    """A loaded picture of any mode as RGB, 8 bits a channel; a plain RGB picture is returned as it is.

    16-bit grey is ``round(v / 257)`` (``v / 4095`` of full scale where the file holds 12 bits), 16-bit colour its upper
    byte. CMYK is converted by ``(255 - c)(255 - k) / 255``; colour profiles are not applied.

    Raises:
        ImageError: ``unsupported``, for a mode without a rule here (CIELAB).
    """
    if image.mode.startswith("I;16"):
        return _from_grey16(image)
    if image.mode in ("I", "F"):
        return _from_numbers(image)
    if image.has_transparency_data:
        return _on_ground(image)
    if image.mode == "RGB":
        return image
    if image.mode in _PLAIN:
        return image.convert("RGB")
    raise ImageError("unsupported", f"pixels of kind {image.mode} cannot be shown as colours; save it as RGB")


def _on_ground(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    rgba = image.convert("RGBA")
    ground = Image.new("RGB", image.size, GROUND)
    ground.paste(rgba, (0, 0), rgba)
    return ground


def _from_grey16(image: Image.Image) -> Image.Image:
    white = 65535
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(_TIFF_BITS, (16,))[0]
        white = (1 << min(int(bits), 16)) - 1
    levels = np.arange(65536, dtype=np.uint32)
    table = ((np.minimum(levels, white) * 255 + white // 2) // white).astype(np.uint8)
    values = np.asarray(image)
    hidden = image.info.get("transparency")
    return _grey(table[values], image, values == hidden if isinstance(hidden, int) else None)


def _from_numbers(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    known = np.isfinite(values)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 1.0)
    scales = (255.0, 65535.0) if image.mode == "I" else (1.0, 255.0, 65535.0)
    nominal = next((scale for scale in scales if high <= scale), None)
    if low >= 0.0 and nominal is not None:
        low, high = 0.0, nominal
    with np.errstate(all="ignore"):  # what is not finite is replaced below
        levels = np.rint(np.clip((values / 2 - low / 2) / max(high / 2 - low / 2, np.finfo(float).tiny), 0, 1) * 255)
    return _grey(np.where(known, levels, 0.0).astype(np.uint8), image, ~known)


def _grey(levels: npt.NDArray[Any], image: Image.Image, hidden: npt.NDArray[np.bool_] | None) -> Image.Image:
    """Grey levels as RGB; inverted where a TIFF counts from white, and `GROUND` where `hidden`."""
    if isinstance(image, TiffImageFile) and image.tag_v2.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
        levels = 255 - levels
    if hidden is not None:
        levels = np.where(hidden, np.uint8(GROUND[0]), levels)
    return Image.fromarray(levels).convert("RGB")
