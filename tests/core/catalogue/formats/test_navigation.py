from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.formats.navigation import Navigation, Series
from core.catalogue.records import ImageRecord, ReadOptions
from core.errors import FormatError, SettingsError

START = datetime(2023, 8, 4, 12, 0, 0, tzinfo=UTC)


def at(seconds):
    return START + timedelta(seconds=seconds)


@pytest.fixture
def log(tmp_path):
    def make(text, **options):
        (tmp_path / "nav.csv").write_text(text)
        return Navigation.read(tmp_path / "nav.csv", ReadOptions(**options))

    return make


ROWS = (
    "timestamp,lat,lon,depth,altitude,heading\n"
    "2023-08-04T12:00:00Z,10,20,100,2,350\n"
    "2023-08-04T12:00:02Z,11,22,104,4,10\n"
    "2023-08-04T12:01:00Z,12,23,105,5,20\n"
)


def test_between_two_rows(log):
    nav = log(ROWS)
    assert nav.at(at(0)) == {"latitude": 10, "longitude": 20, "depth_m": 100, "altitude_m": 2}
    assert nav.at(at(0.5)) == {"latitude": 10.25, "longitude": 20.5, "depth_m": 101, "altitude_m": 2.5}
    assert nav.columns["heading"] == "not used"
    assert any("height over the ground" in note for note in nav.notes)
    assert nav.counts == {"rows": 3, "used": 3}


def test_never_before_after_or_across_a_gap(log):
    nav = log(ROWS)
    assert [nav.at(at(second)) for second in (-0.1, 10, 60.1)] == [None, None, None]
    assert nav.at(at(60))["latitude"] == 12
    assert log(ROWS, max_gap=58.0).at(at(31))["latitude"] == pytest.approx(11.5)
    assert log(ROWS, max_gap=57.9).at(at(31)) is None


def test_across_the_date_line(log):
    nav = log("time,lat,lon\n2023-08-04T12:00:00Z,0,179.5\n2023-08-04T12:00:02Z,0,-179.5\n")
    assert nav.at(at(0.5))["longitude"] == pytest.approx(179.75)
    assert nav.at(at(1))["longitude"] == pytest.approx(-180)
    assert nav.at(at(1.5))["longitude"] == pytest.approx(-179.75)


def test_zone_and_clock(log):
    text = "date;time;depth\n04.08.2023;19:00:00;10\n04.08.2023;19:00:10;20\n"
    assert log(text, timezone="Asia/Bangkok").at(at(5)) == {"depth_m": 15}
    assert log(text, timezone="Asia/Bangkok", clock_offset=3.0).at(at(2)) == {"depth_m": 15}
    assert log(text).at(at(5)) is None
    with pytest.raises(SettingsError):
        log(text, timezone="Nowhere")


def test_fields_with_holes_each_have_their_own_course(log):
    nav = log(
        "timestamp,lat,lon,depth\n2023-08-04 12:00:00Z,1,1,10\n2023-08-04 12:00:01Z,,,11\n2023-08-04 12:00:02Z,3,3,\n"
    )
    assert nav.at(at(1)) == {"latitude": 2, "longitude": 2, "depth_m": 11}
    assert nav.at(at(1.5)) == {"latitude": 2.5, "longitude": 2.5}


def test_order_repetitions_and_rows_without_time(log):
    nav = log("timestamp,depth\n2023-08-04 12:00:02Z,4\n,9\n2023-08-04 12:00:00Z,0\n2023-08-04 12:00:00Z,8\nsoon,1\n")
    assert nav.at(at(1)) == {"depth_m": 2}
    assert [(one.kind, one.where) for one in nav.problems] == [("bad-value", "nav.csv row 6")]
    assert any("2 rows of nav.csv without a time" in note for note in nav.notes)
    assert any("1 row of nav.csv repeat a time" in note for note in nav.notes)


def test_filling_a_record(log):
    nav = log(ROWS)
    filled, problem = nav.fill(ImageRecord("a.jpg", taken_at=at(1), depth_m=7.0))
    assert problem is None
    assert (filled.latitude, filled.depth_m, filled.altitude_m) == (10.5, 7.0, 3)
    whole = ImageRecord("b.jpg", latitude=1, longitude=2, depth_m=3, altitude_m=4)
    assert nav.fill(whole) == (whole, None)
    for record in (ImageRecord("c.jpg"), ImageRecord("d.jpg", taken_at=at(999))):
        same, problem = nav.fill(record)
        assert same is record
        assert (problem.kind, problem.where) == ("unmatched-navigation", record.path)


def test_a_naive_time_is_a_mistake(log):
    with pytest.raises(ValueError, match="naive"):
        log(ROWS).at(datetime(2023, 8, 4))


def test_logs_that_are_none(log):
    with pytest.raises(FormatError, match="gives no times"):
        log("lat,lon\n1,2\n")
    with pytest.raises(FormatError, match="no position"):
        log("timestamp,heading\n2023-08-04 12:00:00Z,4\n")


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.floats(-180, 180)), min_size=2, unique_by=lambda pair: pair[0]),
    st.floats(-10, 1010),
)
def test_what_is_interpolated_lies_between(points, second):
    points.sort()
    series = Series(tuple(float(t) for t, _ in points), tuple(v for _, v in points))
    value = series.at(second, 1e9, circular=False)
    if points[0][0] <= second <= points[-1][0]:
        low = max(pair for pair in points if pair[0] <= second)
        high = min(pair for pair in points if pair[0] >= second)
        assert min(low[1], high[1]) - 1e-9 <= value <= max(low[1], high[1]) + 1e-9
    else:
        assert value is None
    turned = series.at(second, 1e9, circular=True)
    assert turned is None or -180 <= turned <= 180
