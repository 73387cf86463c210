"""The look: one palette a scheme, three display modes, a plotly template and a stylesheet made of them.

The contract:
- a colour has one meaning on every page: reference grey-blue, target orange, flagged a green ring;
- text meets WCAG AA (4.5:1) and marks 3:1 on every ground that they are drawn on, in both schemes (tested);
- colours here and in ``.streamlit/config.toml`` agree (tested); components read them as ``--bs-…`` properties.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import plotly.graph_objects as go

Mode = Literal["light", "dark", "projector"]

MODES: tuple[Mode, ...] = ("light", "dark", "projector")
FONT = '"Source Sans", "Source Sans 3", system-ui, sans-serif'


@dataclass(frozen=True)
class Palette:
    """Colours by meaning, as ``#rrggbb``.

    Attributes:
        ground: Behind everything.
        surface: Cards, figures and fields.
        sunken: Behind pictures that do not fill their tile.
        line: Borders and grid lines (decoration: no contrast is asked of them).
        text, muted: Writing of the first and second order.
        accent: What can be pressed, and the keyboard's focus.
        reference, target, flagged: Marks; see the contract above.
        reference_text, target_text, flagged_text: The same meanings as writing.
        alarm: Errors, as writing.
    """

    ground: str
    surface: str
    sunken: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    reference: str
    target: str
    flagged: str
    reference_text: str
    target_text: str
    flagged_text: str
    alarm: str


LIGHT = Palette(
    ground="#f7f9fb",
    surface="#ffffff",
    sunken="#e6ebef",
    line="#d5dde4",
    text="#16242f",
    muted="#506170",
    accent="#0b6478",
    on_accent="#ffffff",
    reference="#6f8ba6",
    target="#cf6c0a",
    flagged="#00916a",
    reference_text="#4a6580",
    target_text="#a04f00",
    flagged_text="#00704f",
    alarm="#a8281c",
)

DARK = Palette(
    ground="#0c151d",
    surface="#14212c",
    sunken="#070e14",
    line="#2a3a47",
    text="#e4ecf2",
    muted="#9fb2c1",
    accent="#57b8cf",
    on_accent="#06222a",
    reference="#8aa8c4",
    target="#f0a04b",
    flagged="#2fd3a0",
    reference_text="#a3bdd5",
    target_text="#f4b26a",
    flagged_text="#55dfb3",
    alarm="#ff9a8d",
)

CATEGORIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#3a9ad4", "#8b5fa8", "#8c8c8c")
"""For categories without a meaning of their own: Okabe & Ito's set, yellow and sky blue darkened for light ground."""


@dataclass(frozen=True)
class Theme:
    """What a page is drawn with.

    Attributes:
        mode: ``light``, ``dark`` or ``projector`` (light with large type).
        scale: Factor on all type, 1 or more.
    """

    mode: Mode
    palette: Palette
    scale: float = 1.0

    @property
    def dark(self) -> bool:
        return self.palette is DARK


def theme_for(mode: str | None, scheme: str | None) -> Theme:
    """The theme for a chosen mode, or for the browser's scheme (``light`` or ``dark``) when none was chosen."""
    if mode == "projector":
        return Theme("projector", LIGHT, 1.35)
    if mode == "dark" or (mode != "light" and scheme == "dark"):
        return Theme("dark", DARK)
    return Theme("light", LIGHT)


def stylesheet(theme: Theme) -> str:
    """Custom properties for components and the page's own classes, as CSS."""
    colours = "".join(f"--bs-{f.name.replace('_', '-')}:{getattr(theme.palette, f.name)};" for f in fields(Palette))
    size = f"html{{font-size:{15 * theme.scale:.4g}px !important}}" if theme.scale != 1.0 else ""
    scheme = "dark" if theme.dark else "light"
    return f":root{{{colours}--bs-scale:{theme.scale:g};color-scheme:{scheme}}}{size}"


@lru_cache(maxsize=8)
def plotly_template(theme: Theme) -> go.layout.Template:
    """Layout and trace defaults of every figure: quiet axes, no box, horizontal legend, hover on the surface."""
    import plotly.graph_objects as go

    p = theme.palette
    size = 13 * theme.scale
    axis = {
        "gridcolor": p.line,
        "linecolor": p.muted,
        "tickcolor": p.line,
        "ticks": "outside",
        "ticklen": 4,
        "zeroline": False,
        "automargin": True,
        "tickfont": {"color": p.muted, "size": size},
        "title": {"font": {"color": p.text, "size": size}, "standoff": 10},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "color": p.text, "size": size},
            "paper_bgcolor": p.surface,
            "plot_bgcolor": p.surface,
            "colorway": CATEGORIES,
            "margin": {"l": 8, "r": 12, "t": 36, "b": 8},
            "xaxis": axis,
            "yaxis": axis,
            "hovermode": "closest",
            "hoverlabel": {
                "bgcolor": p.surface,
                "bordercolor": p.muted,
                "font": {"color": p.text, "family": FONT, "size": size},
                "align": "left",
            },
            "legend": {
                "orientation": "h",
                "yanchor": "bottom",
                "y": 1.01,
                "xanchor": "left",
                "x": 0,
                "font": {"color": p.text, "size": size},
                "itemsizing": "constant",
                "bgcolor": "rgba(0,0,0,0)",
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": p.muted, "activecolor": p.accent},
            "dragmode": "zoom",
            "bargap": 0.06,
        }
    )


def sequential(theme: Theme) -> list[list[object]]:
    """A colour scale for amounts: one hue, even steps of lightness, from nearly the surface to nearly the text."""
    light = ("#e1edf1", "#a9cfd9", "#69a9ba", "#2f7f94", "#0b5567", "#052c38")
    dark = ("#1b2f3c", "#1f5366", "#2f7f94", "#57aabf", "#95d0de", "#dff3f7")
    colours = dark if theme.dark else light
    return [[place / (len(colours) - 1), colour] for place, colour in enumerate(colours)]


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two ``#rrggbb`` colours, in [1, 21]."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
