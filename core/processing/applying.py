"""The steps done to pixels: by OpenCV where it has them, in plain numbers where they are four lines.

The contract: pixels in, as many pixels out; the input is never written to; the same pixels give the same bytes on the
same machine, whatever thread does it. Channels are RGB, 8 bits, values as displayed (sRGB).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.processing.steps import crop_of, parse, without_crop

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]
PROCESSING_VERSION = 1
"""Raised whenever a step gives other bytes than before: it is part of the key of every embedder that has steps."""
_DARK = 0.25
FIELDS = (8, 8)
"""Fields of CLAHE, across and down."""


def applied(pixels: Pixels, steps: Sequence[str]) -> Pixels:
    """Pixels ``[H, W, 3]`` uint8 after these steps, the crop left out.

    Raises:
        SettingsError: a step cannot be read.
    """
    for step in (parse(text) for text in without_crop(steps)):
        if step.name == "gray-world":
            pixels = _gray_world(pixels)
        elif step.name == "white-patch":
            pixels = _white_patch(pixels, step.number)
        elif step.name == "restore":
            pixels = _gray_world(_red_given_back(pixels, step.number))
        elif step.name == "equalise":
            pixels = _on_lightness(pixels, None)
        elif step.name == "clahe":
            pixels = _on_lightness(pixels, step.number)
        else:
            pixels = _denoised(pixels, step.name, step.number / 100 * min(pixels.shape[:2]))
    return pixels


def processed(image: Image.Image, steps: Sequence[str]) -> Image.Image:
    """A whole RGB picture after these steps, the crop included.

    Raises:
        SettingsError: a step cannot be read.
    """
    from PIL import Image

    image = image.crop(_middle(image, steps))
    if not without_crop(steps):
        return image
    return Image.fromarray(applied(np.asarray(image), steps))


def in_place(image: Image.Image, steps: Sequence[str]) -> Image.Image:
    """As `processed`, as large as before: what the crop cuts off stays in its place, dark, so that marks still fit.

    Raises:
        SettingsError: a step cannot be read.
    """
    after = processed(image, steps)
    if after.size == image.size:
        return after
    whole = image.point(lambda value: round(value * _DARK))
    whole.paste(after, _middle(image, steps)[:2])
    return whole


def _middle(image: Image.Image, steps: Sequence[str]) -> tuple[int, int, int, int]:
    """What the crop leaves: left, top, right and bottom in pixels; the whole picture without one."""
    share = crop_of(steps)
    across, down = round(image.width * (1 - share) / 2), round(image.height * (1 - share) / 2)
    return across, down, max(across + 1, image.width - across), max(down + 1, image.height - down)


def _gray_world(pixels: Pixels) -> Pixels:
    """``I_c * mean(means) / mean_c``; a channel without light stays without."""
    means = pixels.reshape(-1, 3).mean(axis=0, dtype=np.float64)
    factors = np.divide(means.mean(), means, out=np.ones(3), where=means > 0)
    return _as_bytes(pixels * factors)


def _white_patch(pixels: Pixels, percentile: float) -> Pixels:
    white = np.percentile(pixels.reshape(-1, 3), percentile, axis=0)
    factors = np.divide(255.0, white, out=np.ones(3), where=white > 0)
    return _as_bytes(pixels * factors)


def _red_given_back(pixels: Pixels, strength: float) -> Pixels:
    """``R + a (mean G - mean R) (1 - R) G`` in [0, 1]: Ancuti et al., IEEE TIP 27 (2018) 379, equation 4."""
    values = pixels / 255.0
    red, green = values[..., 0], values[..., 1]
    values[..., 0] = red + strength * max(0.0, green.mean() - red.mean()) * (1.0 - red) * green
    return _as_bytes(values * 255.0)


def _on_lightness(pixels: Pixels, contrast: float | None) -> Pixels:
    """Equalise L of CIELAB, at once or (with a limit of contrast) field by field."""
    cv2 = _cv2()
    lab = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB)
    if contrast is None:
        lab[..., 0] = cv2.equalizeHist(np.ascontiguousarray(lab[..., 0]))
    else:
        lab[..., 0] = cv2.createCLAHE(contrast, FIELDS).apply(np.ascontiguousarray(lab[..., 0]))
    result: Pixels = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return result


def _denoised(pixels: Pixels, name: str, length: float) -> Pixels:
    """``length`` in pixels: the bell's standard deviation, or the side of the median's window."""
    cv2 = _cv2()
    whole = np.ascontiguousarray(pixels)
    if name == "gaussian":
        blurred: Pixels = cv2.GaussianBlur(whole, (0, 0), max(length, 0.1))
        return blurred
    result: Pixels = cv2.medianBlur(whole, max(3, 2 * round((length - 1) / 2) + 1))
    return result


def _as_bytes(values: NDArray[Any]) -> Pixels:
    rounded: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def _cv2() -> Any:
    """OpenCV, loaded when it is needed; its own threads would only take the cores from the ones that call it."""
    import cv2

    cv2.setNumThreads(0)
    return cv2
