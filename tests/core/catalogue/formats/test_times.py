from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.formats.timepattern import TimePattern
from core.catalogue.formats.times import day_order, parse_time, read_times, zone_named
from core.errors import SettingsError

NOON = datetime(2023, 8, 4, 12, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2023-08-04T12:30:15Z", "UTC"),
        ("2023-08-04 12:30:15 UTC", "UTC"),
        ("2023-08-04T19:30:15+07:00", "+07:00"),
        ("2023-08-04T19:30:15+0700", "+07:00"),
        ("2023-08-04 09:00:15 -03:30", "-03:30"),
        ("2023:08:04 12:30:15", None),
        ("2023/8/4 12:30:15", None),
        ("20230804T123015Z", "UTC"),
        ("20230804_123015", None),
        ("20230804123015", None),
        ("04.08.2023 12:30:15", None),
        ("4 Aug 2023 12:30:15", None),
        ("August 4, 2023 12:30:15 PM", None),
        ("1691152215", "UTC"),
        ("1691152215000", "UTC"),
    ],
)
def test_ways_to_write_one_moment(text, zone):
    moment = parse_time(text)
    assert (moment.at, moment.zone, moment.day_only) == (NOON, zone, False)


def test_fractions_and_days():
    assert parse_time("2023-08-04 12:30:15.123456789").at.microsecond == 123456
    assert parse_time("2023-08-04T12:30:15,5Z").at.microsecond == 500000
    assert parse_time("2023-08-04").day_only
    assert parse_time("20230804").at == datetime(2023, 8, 4, tzinfo=UTC)


def test_a_time_without_zone_takes_the_one_named():
    assert parse_time("2023-08-04 19:30:15", "Asia/Bangkok").at == NOON
    assert parse_time("2023-08-04 19:30:15", "Asia/Bangkok").zone == "Asia/Bangkok"
    assert parse_time("2023-08-04 19:30:15", "+07:00").at == NOON
    assert parse_time("2023-08-04T12:30:15Z", "Asia/Bangkok").zone == "UTC"


def test_the_hour_that_comes_twice_is_said():
    moment = parse_time("2023-10-29 02:30:00", "Europe/Berlin")
    assert moment.twofold
    assert moment.at == datetime(2023, 10, 29, 0, 30, tzinfo=UTC)
    assert not parse_time("2023-10-29 04:30:00", "Europe/Berlin").twofold


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["03/04/2023", "13/04/2023"], "day"),
        (["03/04/2023", "04/13/2023"], "month"),
        (["03/04/2023"], "?"),
        (["13/04/2023", "04/13/2023"], "?"),
    ],
)
def test_day_or_month_first_is_told_by_the_column(cells, order):
    assert day_order(cells) == order


def test_two_possible_days_are_refused_and_certain_ones_read():
    told = []
    moments = read_times(["03/04/2023", "05/05/2023"], None, lambda at, reason: told.append((at, reason)))
    assert moments[0] is None
    assert moments[1].at == datetime(2023, 5, 5, tzinfo=UTC)
    assert told[0][0] == 0
    assert "two days" in told[0][1]
    moments = read_times(["03/04/2023 08:00", "25/04/2023 09:00"], None, lambda *_: None)
    assert moments[0].at == datetime(2023, 4, 3, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-30",
        "2023-13-01",
        "2023-01-01 25:00:00",
        "0001-01-01",
        "soon",
        "12:30",
        "2023-01-01T00:00:00+99:00",
        "5",
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match=text[:4]):
        parse_time(text)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "+99:00", "Europe"])
def test_zones_that_do_not_exist(name):
    with pytest.raises(SettingsError, match="not a time zone"):
        zone_named(name)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_a_time_or_a_complaint(text):
    told = []
    (moment,) = read_times([text], "Asia/Tokyo", lambda at, reason: told.append(reason))
    assert moment is None or moment.at.tzinfo is UTC


def test_time_in_a_file_name():
    assert TimePattern("%Y%m%d_%H%M%S", None).find("ROV1_20230804_123015_cam2.jpg") == NOON
    assert TimePattern("%Y%m%dT%H%M%S.%f", None).find("20230804T123015.250.jpg") == NOON.replace(microsecond=250000)
    assert TimePattern("%s", None).find("frame-1691152215.png") == NOON
    assert TimePattern("%y%j%H%M%S", "+07:00").find("23216193015.png") == NOON
    assert TimePattern("%Y%m%d", None).find("99991399_20230804.png") == datetime(2023, 8, 4, tzinfo=UTC)
    assert TimePattern("%Y%m%d", None).find("nothing.png") is None


@pytest.mark.parametrize("pattern", ["", "%H%M", "%Y%Y%m%d", "%Q", "%Y%m%d%"])
def test_time_patterns_that_cannot_work(pattern):
    with pytest.raises(SettingsError):
        TimePattern(pattern, None)
