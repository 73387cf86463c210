"""Colours that everyone can read, and that agree with Streamlit's own settings."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dashboard.theme import CATEGORIES, DARK, LIGHT, MODES, contrast, plotly_template, sequential, stylesheet, theme_for

ROOT = Path(__file__).parents[2]
WRITING = ("text", "muted", "accent", "reference_text", "target_text", "flagged_text", "alarm")
MARKS = ("reference", "target", "flagged")


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "surface"])
def test_contrast_is_aa(palette, ground):
    behind = getattr(palette, ground)
    assert {
        name: contrast(getattr(palette, name), behind)
        for name in WRITING
        if contrast(getattr(palette, name), behind) < 4.5
    } == {}
    assert {
        name: contrast(getattr(palette, name), behind) for name in MARKS if contrast(getattr(palette, name), behind) < 3
    } == {}
    assert contrast(palette.on_accent, palette.accent) >= 4.5


def test_contrast_of_black_and_white_is_twenty_one():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


def simulated(colour: str, matrix: list[list[float]]) -> tuple[float, ...]:
    linear = [(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
    return tuple(max(0.0, sum(m * c for m, c in zip(row, linear, strict=True))) ** (1 / 2.2) for row in matrix)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    "matrix",
    [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ],
    ids=["protanopia", "deuteranopia", "tritanopia"],
)
def test_reference_and_target_differ_for_colour_blind_eyes(palette, matrix):
    """Machado, Oliveira & Fernandes 2009, full severity."""
    first, second = simulated(palette.reference, matrix), simulated(palette.target, matrix)
    assert sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5 > 0.2


def test_streamlit_is_told_the_same_colours():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    for name, palette in (("light", LIGHT), ("dark", DARK)):
        told = config["theme"][name]
        assert told["primaryColor"] == palette.accent
        assert told["backgroundColor"] == palette.ground
        assert told["secondaryBackgroundColor"] == palette.surface
        assert told["textColor"] == palette.text
        assert told["borderColor"] == palette.line


def test_the_server_is_told_to_be_safe():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableStaticServing"] is False
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none"


@pytest.mark.parametrize(
    ("mode", "scheme", "wanted"),
    [
        (None, None, "light"),
        (None, "dark", "dark"),
        (None, "light", "light"),
        ("light", "dark", "light"),
        ("dark", "light", "dark"),
        ("projector", "dark", "projector"),
        ("<script>", "dark", "dark"),
        ("", None, "light"),
    ],
)
def test_the_choice_comes_before_the_browsers_scheme(mode, scheme, wanted):
    assert theme_for(mode, scheme).mode == wanted


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_a_template_and_a_stylesheet(mode):
    theme = theme_for(mode, None)
    sheet = stylesheet(theme)
    assert f"--bs-target:{theme.palette.target};" in sheet
    assert ("font-size" in sheet) == (mode == "projector")
    assert plotly_template(theme).layout.font.color == theme.palette.text
    lightness = [contrast(colour, "#000000") for _, colour in sequential(theme)]
    assert lightness == sorted(lightness, reverse=not theme.dark)
    assert len(set(CATEGORIES)) == len(CATEGORIES)
    assert min(contrast(colour, ground.surface) for colour in CATEGORIES for ground in (LIGHT, DARK)) >= 3
