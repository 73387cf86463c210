"""Figures hold what they were given, in the right colours, and never read catalogue text as markup."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboard import figures, geography, score_figures, score_summaries, sightings, summaries
from dashboard.theme import MODES, theme_for
from tests.dashboard.frames import table

HOSTILE = '<a href="javascript:alert(1)">x</a>'
LINES = [(0.5, "95th percentile", "reference", "dot"), (0.6, "flagged above", "flagged", "solid")]
SHAPES = [score_figures.score_histogram, score_figures.score_density, score_figures.score_cumulative]
LIGHT = theme_for("light", None)


def texts(figure: go.Figure) -> str:
    return json.dumps(json.loads(figure.to_json()), ensure_ascii=False)


@pytest.fixture(params=MODES)
def theme(request):
    return theme_for(request.param, None)


def heat(frame, measure):
    found = sightings.sightings(frame, "group", np.full(len(frame), -1), np.empty(0))
    return sightings.spread(found, measure, summaries.categories(frame, "group")[1])


def all_figures(theme, frame):
    reference, target = score_summaries.scores(frame)
    counts, period = summaries.over_time(frame)
    return [
        *(shape(reference, target, LINES, theme) for shape in SHAPES),
        score_figures.score_by(score_summaries.score_groups(frame, "group"), 0.5, theme),
        figures.concept_profile(summaries.concept_profile(frame), theme),
        figures.sets_by_depth(summaries.by_depth(frame), theme),
        figures.labels_per_image(summaries.labels_per_image(frame), theme),
        figures.over_time(counts, period, theme),
        figures.concept_heat(*[heat(frame, name) for name in ("share", "images")], "share", theme),
        geography.positions(summaries.positions(frame), theme),
    ]


def test_every_figure_has_named_axes_and_the_themes_ground(theme):
    for figure in all_figures(theme, summaries.images(table(12))):
        assert figure.layout.template.layout.paper_bgcolor == theme.palette.surface
        assert figure.layout.height >= 200
        named = [
            axis.title.text
            or axis.ticktext
            or axis.type == "category"
            or axis.categoryarray is not None
            or axis.type == "date"
            for axis in (figure.layout.xaxis, figure.layout.yaxis)
        ]
        assert any(named)


def test_type_grows_on_the_projector():
    small, large = (figures.blank(theme_for(mode, None), 300) for mode in ("light", "projector"))
    assert large.layout.template.layout.font.size > 1.2 * small.layout.template.layout.font.size
    assert large.layout.height > small.layout.height


def test_catalogue_text_is_shown_letter_for_letter():
    frame = summaries.images(table(12, group=HOSTILE, site=HOSTILE, camera=HOSTILE, concepts=[[HOSTILE]] * 12))
    for figure in all_figures(LIGHT, frame):
        assert "<a " not in texts(figure)
    assert figures.plain("<b>") == "&lt;b&gt;"
    assert len(figures.plain("x" * 99)) == 31


@pytest.mark.parametrize("shape", SHAPES)
def test_distributions_show_both_sets_in_their_colours(shape):
    rng = np.random.default_rng(1)
    figure = shape(rng.random(50), rng.random(30) + 0.5, LINES, LIGHT)
    assert [trace.name for trace in figure.data] == ["reference (50)", "target (30)"]
    assert len(figure.layout.shapes) == 2
    colours = [LIGHT.palette.reference, LIGHT.palette.target]
    drawn = [trace.line.color or trace.marker.color for trace in figure.data] if shape is not SHAPES[0] else None
    assert drawn is None or drawn == colours


def test_a_histogram_counts_every_score():
    rng = np.random.default_rng(1)
    figure = score_figures.score_histogram(rng.random(500), rng.random(30) + 0.5, [], LIGHT)
    assert [trace.customdata[:, 0].sum() for trace in figure.data] == [500, 30]
    assert [trace.y.sum() for trace in figure.data] == pytest.approx([1, 1])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("reference", "target"), [([], []), ([0.5], []), ([], [0.5]), ([0.2, 0.2], [0.2]), ([np.nan], [0.4])]
)
def test_distributions_of_next_to_nothing(shape, reference, target):
    figure = shape(np.array(reference, dtype=float), np.array(target, dtype=float), [], LIGHT)
    low, high = figure.layout.xaxis.range
    assert low < high


def test_labels_of_thresholds_never_meet():
    figure = score_figures.score_histogram(np.random.default_rng(0).random(50), np.empty(0), LINES, LIGHT)
    heights = [note.y for note in figure.layout.annotations]
    assert len(set(heights)) == len(heights)


def test_scores_by_category_say_how_many_are_flagged():
    frame = summaries.images(table(6, camera=["a"] * 3 + ["b"] * 3))
    figure = score_figures.score_by(score_summaries.score_groups(frame, "camera"), 0.5, LIGHT)
    assert "3 of 3" in [note.text for note in figure.layout.annotations]
    many = score_summaries.score_groups(summaries.images(table(100)), "group")
    assert len(score_figures.score_by(many, None, LIGHT).layout.yaxis.categoryarray) == score_figures.MOST_CATEGORIES


def test_a_kite_is_as_wide_as_the_share_and_ends_where_the_concept_does():
    depth, side = figures._spindle(
        np.array([0.0, 10, 20, 30]), np.array([10.0, 20, 30, 40]), np.array([0, 0.4, 0.2, 0])
    )
    assert depth.tolist() == [10, 15, 25, 30]
    assert side.tolist() == [0, 0.4, 0.2, 0]


def test_depth_points_down():
    frame = summaries.images(table(12))
    for figure in (
        figures.concept_profile(summaries.concept_profile(frame), LIGHT),
        figures.sets_by_depth(summaries.by_depth(frame), LIGHT),
    ):
        assert figure.layout.yaxis.autorange == "reversed"


def test_positions_count_every_image_and_ring_the_flagged():
    frame = summaries.images(table(20, longitude=-122.0, latitude=36.0))
    figure = geography.positions(summaries.positions(frame), LIGHT)
    dots = {trace.name: trace for trace in figure.data if trace.name not in ("land", "scale")}
    assert list(dots) == ["reference", "target", "flagged"]
    assert all(len(trace.x) == 1 for trace in dots.values())
    assert "10 images" in dots["target"].text[0]
    assert dots["flagged"].marker.line.color == LIGHT.palette.flagged
