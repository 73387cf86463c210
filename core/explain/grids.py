"""Finer grids: the same network shown more pixels, or striding less, so that its map has more cells.

The contract:
- each grid is complete for its own forward pass: its cells add up to that pass's own score, which differs a little from
  the stored one (the network sees other pixels); both are shown;
- the embedder given is never changed.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import nn

from core.embed.embedder import Embedder
from core.embed.geometry import Box, InputGeometry, geometry_for
from core.errors import SettingsError

Grid = Literal["usual", "larger", "dilated", "tiles"]
GRIDS: tuple[Grid, ...] = ("usual", "larger", "dilated", "tiles")


def on_grid(embedder: Embedder, grid: Grid) -> Embedder:
    """The embedder that makes maps of a grid (``tiles`` needs no other one, see `tile_boxes`).

    Raises:
        SettingsError: the grid is unknown or this network cannot have it.
    """
    if grid not in GRIDS:
        raise SettingsError(f"a grid is one of {', '.join(GRIDS)}; got {grid!r}")
    if grid == "larger":
        return larger(embedder)
    if grid == "dilated":
        return dilated(embedder)
    if grid == "tiles" and embedder.square:
        raise SettingsError(f"{embedder.name} takes square inputs only and cannot be tiled; use the usual grid")
    return embedder


def larger(embedder: Embedder, factor: float = 2.0) -> Embedder:
    """The same network on an input `factor` times as large on each side.

    Raises:
        SettingsError: the network is built for one size of input.
    """
    if embedder.square:
        raise SettingsError(f"{embedder.name} is built for one size of input; use the usual grid for its maps")
    side = round(embedder.settings.short_side * factor)
    return replace(embedder, settings=replace(embedder.settings, short_side=side))


def dilated(embedder: Embedder) -> Embedder:
    """The same network with its last halving taken out and what follows dilated by 2: twice the cells on each side.

    Source: Yu, Koltun & Funkhouser 2017, arXiv 1705.09914; torchvision's ``replace_stride_with_dilation``.

    Raises:
        SettingsError: the last halving is not done by convolutions alone (a pool, patch merging).
    """
    body = copy.deepcopy(embedder.body)
    for convolution in body.modules():
        if isinstance(convolution, nn.Conv2d):
            convolution.requires_grad_(False)
    height, width = _blank(embedder)
    blank = torch.zeros(1, 3, height, width, device=embedder.device)
    sizes: dict[nn.Conv2d, tuple[int, int]] = {}

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        assert isinstance(module, nn.Conv2d)
        sizes[module] = (int(inputs[0].shape[2]), int(output.shape[2]))

    hooks = [module.register_forward_hook(note) for module in body.modules() if isinstance(module, nn.Conv2d)]
    try:
        with torch.no_grad():
            before = embedder.map_of(body(blank)).shape[2]
    finally:
        for hook in hooks:
            hook.remove()
    for convolution, (entering, leaving) in sizes.items():
        if leaving == before and entering == 2 * before:
            convolution.stride = (1, 1)
        elif entering == before and convolution.kernel_size != (1, 1):
            convolution.dilation = tuple(2 * d for d in convolution.dilation)
            if not isinstance(convolution.padding, str):
                convolution.padding = tuple(2 * p for p in convolution.padding)
    try:
        with torch.no_grad():
            after = embedder.map_of(body(blank)).shape[2]
    except RuntimeError:  # two branches of one sum no longer have one size
        after = 0
    if after != 2 * before:
        raise SettingsError(
            f"{embedder.name} does not halve its last map by convolutions alone, so it cannot be dilated; "
            "use the larger grid instead"
        )
    return replace(embedder, body=body)


def _blank(embedder: Embedder) -> tuple[int, int]:
    if embedder.square:
        return embedder.geometry(1, 1).shape
    side = min(embedder.settings.short_side, 256) // embedder.multiple * embedder.multiple
    return max(side, 2 * embedder.multiple), max(side, 2 * embedder.multiple)


def tile_boxes(region: InputGeometry, rows: int, columns: int) -> list[Box]:
    """A region cut into equal parts, row by row, as boxes of image pixels."""
    width, height = region.width / columns, region.height / rows
    return [
        (region.left + column * width, region.top + row * height, width, height)
        for row in range(rows)
        for column in range(columns)
    ]


def tile_counts(region: InputGeometry, max_aspect: float, parts: int = 2) -> tuple[int, int]:
    """Rows and columns of tiles: `parts` by `parts`; for a region too long to be stretched, a row of them along it."""
    aspect = max(region.width, region.height) / min(region.width, region.height)
    if aspect <= max_aspect:
        return parts, parts
    along = math.ceil(aspect)
    return (1, along) if region.width >= region.height else (along, 1)


def joined_geometry(region: InputGeometry, tile: InputGeometry, rows: int, columns: int) -> InputGeometry:
    """The geometry under which the tiles' maps, put side by side, lie over the region."""
    width, height = columns * tile.input_width, rows * tile.input_height
    return replace(
        region,
        input_width=width,
        input_height=height,
        content_left=0,
        content_top=0,
        content_width=width,
        content_height=height,
    )


def tile_geometry(embedder: Embedder, region: InputGeometry, box: Box) -> InputGeometry:
    """How the embedder sees one tile of a region."""
    return geometry_for(
        region.image_width,
        region.image_height,
        box,
        embedder.settings,
        square=embedder.square,
        multiple=embedder.multiple,
    )
