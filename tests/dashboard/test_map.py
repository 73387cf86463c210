"""The map: hexagons, layers, colours as bytes, what the browser may send, bodies, and the page."""

from __future__ import annotations

import io
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.clusters import album
from core.space.areas import MOST_AREAS, Area
from core.workspace import open_workspace
from dashboard import (
    colouring,
    likeness,
    map_component,
    map_layers,
    placed_pictures,
    placing,
    placing_pictures,
    state,
    words,
)
from dashboard.bodies import BODIES, Bodies
from dashboard.colouring import FIRST, MISSING, NOISE, OTHERS
from dashboard.hexagons import hexagons
from dashboard.map_layers import BEHIND, CHOSEN, POINT
from dashboard.state import View
from dashboard.theme import theme_for
from dashboard.views.map import sentence
from tests.dashboard.synthetic import HOSTILE
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
            "depth_m": np.where(np.arange(count) % 5 == 0, np.nan, 100.0 + np.arange(count)),
            "taken_at": pd.date_range("2020-01-01", periods=count, freq="D", tz="UTC"),
            "concepts": [["<b>x</b>", "crab"] if i % 2 else [] for i in range(count)],
            "cluster": np.arange(count) % 13 - 1,
            "path": [f"dive/<i>{i}<i>.jpg" for i in range(count)],
            "site": [("ridge", "", "plain")[i % 3] for i in range(count)],
            "extra.alike": ["one"] * count,
            "extra.current": rng.normal(size=count),
        }
    )


def test_hexagons_by_hand():
    cells = hexagons(np.array([0.0, 0.1, 0.5, 1.0, np.nan]), np.array([0.0, 0.1, 0.9, 0.0, 0.0]), 1.0)
    found = {(round(x, 3), round(y, 3)): n for x, y, n in zip(cells.x, cells.y, cells.counts, strict=True)}
    assert found == {(0.0, 0.0): 2, (0.5, 0.866): 1, (1.0, 0.0): 1}


@given(st.integers(0, 200), st.floats(0.05, 3), st.integers(0, 20))
def test_every_point_is_in_its_nearest_hexagon(count, width, seed):
    rng = np.random.default_rng(seed)
    middle = rng.uniform(-30, 30, 2)
    x, y = middle[0] + rng.normal(size=count), middle[1] + rng.normal(size=count)
    cells = hexagons(x, y, width)
    assert cells.counts.sum() == count
    if count:
        apart = np.hypot(x[:, None] - cells.x, y[:, None] - cells.y).min(axis=1)
        assert apart.max() <= width / np.sqrt(3) + 1e-9  # corners are that far from the centre
        assert np.unique(np.stack([cells.x, cells.y]).round(9), axis=1).shape[1] == len(cells.x)


def test_reference_is_density_target_points_and_the_strangest_are_among_the_chosen():
    table = regions()
    table.loc[5, "x"] = np.nan
    ground = map_layers.ground(table)
    assert set(table["set"][ground.kinds == POINT]) == {"target"}
    assert set(table["set"][ground.kinds == BEHIND]) == {"reference"}
    assert ground.kinds[5] == 0
    assert sum(ground.density["n"]) == 100
    assert np.isfinite(ground.bounds).all()
    flags = map_layers.flags(ground.kinds, np.arange(300) < 150)
    assert (flags & CHOSEN > 0).sum() == 149
    scores = table["ood_score"].to_numpy()
    ringed = map_layers.strangest(scores, flags, 20)
    among = [row for row in range(150) if row % 3 and row != 5]
    assert ringed.tolist() == sorted(among, key=lambda row: -scores[row])[:20]
    assert "The selection holds 149 of them, 50 of the reference" in sentence(flags, ringed)


def test_reference_alone_is_drawn_as_points():
    ground = map_layers.ground(regions().assign(set="reference"))
    assert (ground.kinds == POINT).all()
    assert ground.density == {}


def test_names_stand_at_the_middle_of_their_clusters():
    positions = np.array([[0, 0], [1, 1], [2, 5], [9, 9], [np.nan, 0]], np.float32)
    found = map_layers.places(positions, np.array([0, 0, 0, 1, 1]), ["a", "<b>", "empty"])
    assert [(one["x"], one["y"], one["text"], one["count"]) for one in found] == [(1, 1, "a", 3), (9, 9, "<b>", 1)]


@pytest.mark.parametrize("mode", ["light", "dark", "projector"])
@pytest.mark.parametrize("name", [*colouring.COLUMNS, "set", "concept", "cluster", "site", "extra.current"])
def test_a_code_stands_for_a_colour(name, mode):
    found = colouring.colouring(regions(), name, theme_for(mode, None))
    assert found.codes.dtype == np.uint8
    assert len(found.palette) == 256
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in found.palette)
    assert sum(entry.count for entry in found.entries) == (300 if not found.ticks else (found.codes == MISSING).sum())
    for entry in found.entries:
        assert found.palette[entry.code] == entry.colour
        assert (found.codes == entry.code).sum() == entry.count


def test_codes_by_hand():
    table = regions(7).assign(
        cluster=[1, 0, 0, -1, 0, 1, -1],
        site=["a", "b", "b", "", None, "b", "c"],
        depth_m=[0.0, 10.0, 5.0, np.nan, 10.0, 0.0, 0.0],
        concepts=[["crab", "ray"], ["ray"], [], None, ["ray", "<b>"], ["crab"], []],
    )
    by_cluster = colouring.colouring(table, "cluster", LIGHT)
    assert by_cluster.codes.tolist() == [FIRST + 1, FIRST, FIRST, NOISE, FIRST, FIRST + 1, NOISE]
    by_site = colouring.colouring(table, "site", LIGHT)
    assert by_site.codes.tolist() == [FIRST + 1, FIRST, FIRST, MISSING, MISSING, FIRST, FIRST + 2]
    by_depth = colouring.colouring(table, "depth", LIGHT)
    assert by_depth.codes.tolist() == [1, 255, 128, MISSING, 255, 1, 1]
    assert [text for _, text in by_depth.ticks] == ["0.0", "2.5", "5.0", "7.5", "10.0"]
    by_concept = colouring.colouring(table, "concept", LIGHT)
    names = {entry.code: entry.name for entry in by_concept.entries}
    assert [names[code] for code in by_concept.codes] == [
        *("ray", "ray", "nothing named", "nothing named", "ray", "crab", "nothing named"),
    ]


def test_rare_values_are_others_and_named_clusters_given():
    table = regions(100).assign(site=[f"site {i % 12}" for i in range(100)])
    found = colouring.colouring(table, "site", LIGHT)
    assert (found.codes == OTHERS).sum() == 100 - 4 * 9 - 3 * 8
    assert any(entry.name == "5 others" for entry in found.entries)
    labels = np.array([0, 0, 1, -1] * 25)
    named = colouring.colouring(table, "cluster", LIGHT, (labels, ["crabs", "<i>rays</i>"]))
    assert [entry.name for entry in named.entries] == ["crabs", "<i>rays</i>", "noise, in no cluster"]


def test_any_column_that_tells_points_apart_is_offered():
    offered = colouring.available(regions())
    assert offered[:6] == ["set", "concept", "cluster", "depth", "score", "time"]
    assert "extra.current" in offered
    assert not {"extra.alike", "x", "y", "path", "depth_m"} & set(offered)
    bare_of = colouring.available(regions().assign(depth_m=np.nan, ood_score=np.nan, concepts=[[]] * 300))
    assert bare_of[:3] == ["set", "cluster", "time"]


def test_bodies_are_kept_by_what_they_are_made_of_and_dropped_when_too_many():
    kept = Bodies(max_bytes=100)
    first = kept.put(np.arange(20, dtype=np.float32), "run", "positions")
    assert kept.get(first) == np.arange(20, dtype=np.float32).tobytes()
    assert kept.put(np.zeros(20, np.float32), "run", "flags") != first
    assert kept.get(first) is None
    assert kept.get("../../etc") is None


SQUARE = [0, 0, 1, 0, 1, 1]


ADDED = {"corners": SQUARE, "adds": True}


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"areas": [ADDED]}, [True]),
        ({"areas": [ADDED, {"corners": SQUARE, "adds": False}]}, [True, False]),
        ({"areas": []}, []),
        ({"areas": [ADDED] * (MOST_AREAS + 3)}, [True] * MOST_AREAS),
        ({"areas": [ADDED, {"corners": SQUARE[:4], "adds": True}]}, None),
        ({"areas": [{"corners": ["<b>"] * 6, "adds": True}]}, None),
        ({"areas": [{"corners": 5, "adds": True}]}, None),
        ({"areas": [{"corners": [float("nan")] * 6, "adds": True}]}, None),
        ({"areas": [{"corners": SQUARE, "adds": "drop table"}]}, None),
        ({"areas": [{"adds": True}]}, None),
        ({"areas": SQUARE}, None),
        ({"areas": "all"}, None),
        ({}, None),
        ("new", None),
        (None, None),
    ],
)
def test_the_browser_sends_areas_or_nothing(event, wanted):
    areas = map_component._areas(event)
    assert (areas if areas is None else [area.adds for area in areas]) == wanted
    assert not areas or areas[0].corners == ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


@pytest.mark.parametrize(
    ("event", "row"),
    [({"row": 3}, 3), ({"row": 10}, None), ({"row": -1}, None), ({"row": True}, None), ({}, None), (3, None)],
)
def test_the_browser_opens_a_row_of_the_run(event, row):
    assert map_component._row(event, 10) == row


def test_the_page_says_what_distances_mean_and_follows_the_selection(served):
    app = opened("map", site="ridge")
    assert not app.exception
    assert "mean nothing" in said(app)
    assert "The selection holds" in said(app)
    assert [item.key for item in app.button if (item.key or "").startswith("chip_")] == ["chip_0"]


def test_a_link_with_an_area_reopens_it(served, view):
    x, y = (view.run.table[name].to_numpy() for name in ("x", "y"))
    low = Area(((-99.0, -99.0), (99.0, -99.0), (99.0, 2.5), (-99.0, 2.5)))
    app = opened("map", area=low.to_text())
    assert f"The selection holds {int((np.isfinite(x) & (y < 2.5)).sum())} of them" in said(app)
    assert not opened("map", area="a1_2~rubbish").exception


@pytest.mark.parametrize("name", ["concept", "cluster", "depth", "time", "site", "nonsense"])
def test_the_page_colours_by_everything(served, name):
    app = opened("map", colour=name)
    assert not app.exception
    assert app.selectbox("map_colour").value == ("set" if name == "nonsense" else name)
    assert "bs-empty" not in said(app)


def test_a_run_without_depth_and_scores_has_a_map(bare):  # noqa: F811
    app = opened("map")
    assert not app.exception
    assert "bs-empty" not in said(app)


def test_another_runs_regions_are_placed_and_said_to_be_approximate(served):
    app = opened("map", placed="1")
    assert not app.exception
    assert "384 regions of run 1 are drawn as squares. Their places are approximate" in said(app)
    assert "approximate:" not in said(opened("map", placed="77"))
    assert "holds all of its regions already" not in said(app)


def test_new_images_are_placed_as_before_after_a_restart(view):
    run, other = view.run, view.workspace.open_run(1)
    first = placing._guests(run.key, other.key, placing.floor(view), other)
    streamlit.cache_resource.clear()  # what a server forgets when it ends
    space = open_workspace(view.workspace.root, create=False)
    try:
        anew = View(space, tuple(space.runs()), space.open_run(run.id), view.theme)
        here = placing.floor(anew)
        again = placing._guests(run.key, other.key, here, space.open_run(1))
        assert again is not first
        assert again.to_browser() == first.to_browser()
        newer = here.place(np.asarray(anew.run.embeddings[:3]) * 2.0)  # the length tells nothing
        assert newer.distance == pytest.approx(0.0, abs=1e-6)
        assert np.isin(newer.labels, np.append(anew.run.table["cluster"].to_numpy(), -1)).all()
        told = again.to_browser()
        assert len(told["places"]) == len(told["joins"]) == len(told["distances"]) == len(told["rows"]) == 384
        assert set(told["clusters"]) <= {*here.names.values(), "no cluster"}
    finally:
        space.close()


class Sent:
    """A file as Streamlit's uploader gives it."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.content, self.size = name, content, len(content)

    def getvalue(self) -> bytes:
        return self.content


@pytest.fixture
def own(workspace_folder, tmp_path, monkeypatch):
    """A workspace of one's own, to place pictures in, with vectors as the run's network would give them."""
    folder = Path(shutil.copytree(workspace_folder, tmp_path / "own"))
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(folder))
    rows = iter((5, 40, 7, 9))
    monkeypatch.setattr(likeness, "vector_of", lambda run, upload: np.asarray(run.embeddings[next(rows)], float))
    yield folder
    streamlit.cache_resource.clear()


def the_view() -> View:
    space = state.workspace()
    runs = tuple(space.runs())
    return View(space, runs, state.open_run(space, runs[0]), theme_for("light", None))


def drawn(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (300, 150), colour).save(content, kind)
    return content.getvalue()


def test_pictures_of_a_visitor_are_kept_beside_what_they_are_like(own):
    view = the_view()
    red, blue = drawn((200, 30, 30)), drawn((30, 30, 200))
    sent = [Sent(HOSTILE, red), Sent("rubbish.jpg", b"no picture"), Sent("two.png", blue)]
    taken = placing_pictures.take_in(view, sent)
    assert (taken.placed, taken.known, [name for name, _ in taken.refused]) == (2, 0, ["rubbish.jpg"])
    again = placing_pictures.take_in(view, [Sent("another name.png", red)])
    assert (again.placed, again.known) == (0, 1)
    assert placing_pictures.told(again) == "1 picture is here already."
    kept = placed_pictures.kept(view)
    guests = kept.guests
    assert guests.called == "2 placed pictures"
    assert [item["name"] for item in guests.told["words"]] == [HOSTILE, "two.png"]
    assert guests.distance == pytest.approx(0.0, abs=1e-6)
    assert guests.to_browser()["scores"] == [words.score(one.score) for one in kept.album.pictures]
    units = np.asarray(view.run.embeddings, float)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    to_reference = np.sort(1 - units[(view.run.table["set"] == "reference").to_numpy()] @ units[5])
    assert kept.album.pictures[0].score == pytest.approx(to_reference[: view.run.manifest["k"]].mean(), abs=1e-6)
    tiles = np.asarray(Image.open(io.BytesIO(BODIES.get(guests.told["body"]))), int)
    assert tiles.shape == (128, 1280, 3)
    assert tiles[64, 64, 0] > 180
    assert tiles[64, 192, 2] > 180
    assert tiles[10, 64].max() < 40  # twice as wide as high
    assert "2 placed pictures are drawn as squares" in placing.sentence_of([guests])
    streamlit.cache_resource.clear()  # what a server forgets when it ends
    assert placed_pictures.kept(the_view()).guests.to_browser() == guests.to_browser()


def test_the_page_lists_placed_pictures_removes_them_and_takes_that_back(own):
    view = the_view()
    before = (view.run.folder / "manifest.json").read_bytes()
    placing_pictures.take_in(view, [Sent(HOSTILE, drawn((200, 30, 30))), Sent("two.png", drawn((30, 30, 200)))])
    app = opened("map")
    assert not app.exception
    assert "Placed pictures (2)" in said(app)
    assert "nothing counts, flags, clusters or exports them" in said(app)
    assert "onerror" not in said(app).replace("&lt;img src=x onerror=alert(1)&gt;", "")
    first = placed_pictures.kept(view).album.pictures[0]
    album.copy_path(view.workspace, view.run, first.digest).write_bytes(b"\xff\xd8\xff rubbish")
    app.run()
    assert "missing or damaged: the place is still drawn" in said(app)
    app.button(f"placed_remove_{first.digest}").click().run()
    assert "Placed pictures (1)" in said(app)
    assert "damaged" not in said(app)
    app.button("placed_remove_all").click().run()
    assert "Placed pictures (0)" in said(app)
    app.button("placed_undo").click().run()
    app.button("placed_undo").click().run()
    assert "Placed pictures (2)" in said(app)
    assert not app.exception
    found = placed_pictures.kept(view)
    table = placed_pictures.table(view.run, found)
    assert table["nearest"].tolist() == view.run.table["path"].iloc[[5, 40]].tolist()
    assert (view.run.folder / "manifest.json").read_bytes() == before


def test_where_the_list_of_placed_pictures_cannot_be_read_the_map_is_there(own):
    view = the_view()
    log = album.folder(view.workspace, view.run) / "log.jsonl"
    placing_pictures.take_in(view, [Sent("one.png", drawn((200, 30, 30)))])
    log.write_bytes(b'{"act": "place", "picture": {"digest": "../../x"}}\n\xff\xfe rubbish\n' + log.read_bytes())
    app = opened("map")
    assert not app.exception
    assert "2 entries of the list cannot be understood" in said(app)
    assert "Placed pictures (1)" in said(app)


def test_where_the_network_is_gone_no_picture_is_placed_and_it_is_said(view):
    taken = placing_pictures.take_in(view, [Sent("one.png", drawn((9, 9, 9)))])
    assert taken.placed == 0
    assert "not those that run" in taken.refused[0][1]


def test_where_the_weights_are_gone_it_is_said_by_their_name_alone(view, tmp_path):
    run = SimpleNamespace(settings=SimpleNamespace(embed=SimpleNamespace(weights=str(tmp_path / "gone.safetensors"))))
    taken = placing_pictures.take_in(replace(view, run=run), [Sent("one.png", drawn((9, 9, 9)))])
    assert taken.placed == 0
    assert "weights, gone.safetensors, is not where it was" in taken.refused[0][1]
    assert str(tmp_path) not in taken.refused[0][1]


def test_the_map_is_measured_on_request(served):
    app = opened("map")
    next(toggle for toggle in app.toggle if toggle.key == "map_measured").set_value(True).run()
    assert not app.exception
    assert "Trustworthiness 0." in said(app)


def test_another_run_has_another_map_and_no_area_of_this_one(served):
    app = opened("map", area="a-99_-99~99_-99~99_2.5~-99_2.5", site="ridge")
    app.selectbox("run_box").set_value(1).run()
    assert not app.exception
    assert "area" not in app.query_params
    assert app.query_params["site"] in ("ridge", ["ridge"])
