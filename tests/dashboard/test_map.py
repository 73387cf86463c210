"""The map: hexagons, what is drawn how, what a point carries and says, and the page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import map_figure, parts
from dashboard.hexagons import hexagons
from dashboard.theme import theme_for
from dashboard.views.map import sentence
from tests.dashboard.test_browse import bare, bare_folder  # noqa: F401
from tests.dashboard.test_pages import opened, said

LIGHT = theme_for("light", None)


def regions(count: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "set": np.where(np.arange(count) % 3 == 0, "reference", "target"),
            "x": rng.normal(size=count),
            "y": rng.normal(size=count),
            "ood_score": rng.uniform(0, 1, count),
            "depth_m": np.where(np.arange(count) % 5 == 0, np.nan, 100.0),
            "concepts": [["<b>x</b>", "crab"] if i % 2 else [] for i in range(count)],
            "cluster": np.arange(count) % 13 - 1,
            "path": [f"dive/<i>{i}<i>.jpg" for i in range(count)],
        }
    )


def test_hexagons_by_hand():
    cells = hexagons(np.array([0.0, 0.1, 0.5, 1.0, np.nan]), np.array([0.0, 0.1, 0.9, 0.0, 0.0]), 1.0)
    found = {(round(x, 3), round(y, 3)): n for x, y, n in zip(cells.x, cells.y, cells.counts, strict=True)}
    assert found == {(0.0, 0.0): 2, (0.5, 0.866): 1, (1.0, 0.0): 1}


@given(st.integers(0, 200), st.floats(0.05, 3), st.integers(0, 20))
def test_every_point_is_in_its_nearest_hexagon(count, width, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=count), rng.normal(size=count)
    cells = hexagons(x, y, width)
    assert cells.counts.sum() == count
    if count:
        apart = np.hypot(x[:, None] - cells.x, y[:, None] - cells.y).min(axis=1)
        assert apart.max() <= width / np.sqrt(3) + 1e-9  # corners are that far from the centre
        assert np.unique(np.stack([cells.x, cells.y]).round(9), axis=1).shape[1] == len(cells.x)


def test_reference_is_density_and_target_points():
    table = regions()
    shown = map_figure.drawn(table, np.ones(300, bool))
    assert set(table["set"].iloc[shown.points]) == {"target"}
    assert set(table["set"].iloc[shown.density]) == {"reference"}
    scores = table["ood_score"].to_numpy()
    assert len(shown.ringed) == 100
    assert scores[shown.ringed].min() >= np.sort(scores[shown.points])[-100]
    assert sentence(shown).startswith("200 regions as points, in front of the density of 100 reference regions")


def test_reference_alone_is_drawn_as_points():
    shown = map_figure.drawn(regions().assign(set="reference"), np.ones(300, bool))
    assert (len(shown.points), len(shown.density)) == (300, 0)


def test_more_points_than_can_be_drawn_are_sampled_and_said():
    shown = map_figure.drawn(regions(), np.ones(300, bool), most=150)
    again = map_figure.drawn(regions(), np.ones(300, bool), most=150)
    assert (len(shown.points), shown.among) == (150, 200)
    assert set(shown.ringed) <= set(shown.points)
    assert shown.points.tolist() == again.points.tolist()
    assert "A sample of 150 of 200 regions" in sentence(shown)


@pytest.mark.parametrize("mode", ["light", "dark", "projector"])
@pytest.mark.parametrize("colour", map_figure.COLOURS)
def test_points_carry_their_row_and_text_is_escaped(colour, mode):
    table = regions()
    shown = map_figure.drawn(table, np.ones(300, bool))
    figure = map_figure.scatter(table, shown, colour, theme_for(mode, None))
    carried = [row for trace in figure.data if trace.customdata is not None for row in trace.customdata]
    assert sorted(carried) == shown.points.tolist()
    for trace in figure.data:
        for row, text in zip(trace.customdata or (), trace.hovertext or (), strict=False):
            assert f"&lt;i&gt;{row}&lt;i&gt;" in text
        assert "<b>" not in str(trace.name)
    if colour == "cluster":
        assert any("noise" in trace.name for trace in figure.data)
        assert any(trace.name == "others" for trace in figure.data)


def test_a_selection_without_points_is_drawn():
    table = regions()
    shown = map_figure.drawn(table, np.zeros(300, bool))
    assert len(shown.points) == len(shown.ringed) == 0
    assert map_figure.scatter(table, shown, "score", LIGHT).data


def test_chosen_points_are_read_by_what_they_carry():
    points = [{"customdata": 7}, {"customdata": [3]}, {"customdata": 7.0}, {"x": 1}, {"customdata": "a"}, {}]
    assert parts.carried(points).tolist() == [3, 7]


def test_the_page_says_what_distances_mean_and_follows_the_selection(served):
    app = opened("map", site="ridge")
    assert not app.exception
    assert "mean nothing" in said(app)
    assert [item.key for item in app.button if (item.key or "").startswith("chip_")] == ["chip_0"]


@pytest.mark.parametrize("colour", map_figure.COLOURS)
def test_the_page_colours_by_everything(served, colour):
    app = opened("map")
    next(item for item in app.get("button_group") if item.key == "map_colour").set_value(colour).run()
    assert not app.exception
    assert "bs-empty" not in said(app)


def test_a_run_without_depth_and_scores_has_a_map(bare):  # noqa: F811
    app = opened("map")
    assert not app.exception
    assert "bs-empty" not in said(app)
    assert map_figure.available(regions().assign(depth_m=np.nan, ood_score=np.nan)) == ("set", "concept", "cluster")
