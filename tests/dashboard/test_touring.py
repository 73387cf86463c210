"""The tour: stops that fit the run, each a link, and what start over forgets."""

from __future__ import annotations

from streamlit.util import calc_hash

from core.demo.world import LATER_CAMERA
from dashboard import touring
from tests.dashboard.frames import table
from tests.dashboard.test_pages import ADDRESSES, opened, said


def test_the_demonstration_has_six_stops_with_the_runs_own_numbers():
    frame = table(10, camera=["old"] * 7 + [LATER_CAMERA] * 3, flagged=[False] * 6 + [True] * 4)
    stops = touring.stops(frame)
    assert len(stops) == 6
    assert "4 of 5 judged" in stops[1].text
    assert "3 of the 3 pictures" in stops[2].text
    assert "1 flagged" in stops[3].text
    assert stops[3].query == {"camera": ("old",), "flagged": "yes", "set": "target"}
    assert {stop.address for stop in stops} <= set(ADDRESSES)


def test_a_run_without_the_second_camera_has_the_other_stops():
    titles = [stop.title for stop in touring.stops(table(4, set=["reference"] * 4))]
    assert titles == ["What is here", "The flagged ones", "Groups nobody named", "Take it home"]
    known = table(4, set=["reference"] * 4, camera=[LATER_CAMERA] * 4)
    assert [stop.title for stop in touring.stops(known)] == titles


def test_one_goes_through_the_stops_and_ends(served):
    app = opened("tour")
    app.button("stop_go_2").click().run()
    assert not app.exception
    assert app.query_params["tour"] == "2"
    assert "Tour, 2 of 4" in said(app)
    app.button("tour_next").click().run()
    assert app.query_params["colour"] == "cluster"
    assert "Tour, 3 of 4" in said(app)
    app.button("tour_next").click().run()
    assert app.query_params["flagged"] == "yes"
    assert app.button("tour_next").disabled
    app.button("tour_end").click().run()
    assert "Tour, " not in said(app)
    assert "flagged" not in app.query_params


def test_start_over_forgets_what_was_narrowed_down(served):
    app = opened("browse", site="ridge", tour="2")
    assert "Tour, 2 of 4" in said(app)
    app.button("tour_end").click().run()
    app._page_hash = calc_hash("tour")
    next(item for item in app.run().button if item.label.startswith("Start over")).click().run()
    assert not app.exception
    app._page_hash = calc_hash("browse")
    assert "All 96" in said(app.run())


def test_a_link_to_no_stop_shows_none(served):
    for step in ("0", "7", "x", "99999"):
        assert "Tour, " not in said(opened("overview", tour=step))
