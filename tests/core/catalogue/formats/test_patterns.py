from __future__ import annotations

import pytest

from core.catalogue.formats.patterns import Found, search_all
from core.errors import SettingsError


def test_the_group_is_the_named_part_else_the_first_else_everything():
    assert search_all(r"D(\d+)_(\d+)", [["D12_3"]]) == [Found("12", {})]
    assert search_all(r"(x)?(?P<group>\d+)", [["12"]]) == [Found("12", {"group": "12"})]
    assert search_all(r"(?P<site>[A-Z]+)_(?P<survey>\d+)", [["CBK_0001"]])[0].named == {"site": "CBK", "survey": "0001"}
    assert search_all(r"D\d+", [["xD7y"], ["none"]]) == [Found("D7", {}), None]


def test_later_texts_are_tried_when_the_first_does_not_fit():
    assert search_all(r"^(dive\d)/", [["a.jpg", "dive1/a.jpg"]])[0].group == "dive1"


@pytest.mark.parametrize("pattern", ["(", "[", "(?P<a>x)(?P<a>y)", "a{99999999999999999999}", "(?<=a+)b", "\\"])
def test_a_wrong_pattern_is_refused(pattern):
    with pytest.raises(SettingsError, match="not a regular expression"):
        search_all(pattern, [["a"]])


def test_a_pattern_that_never_ends_is_ended():
    with pytest.raises(SettingsError, match=r"takes longer than 0\.5 s"):
        search_all(r"^(a+)+$", [["a" * 60 + "!"]], seconds=0.5)


def test_a_very_long_pattern_is_refused():
    with pytest.raises(SettingsError, match="1000 characters"):
        search_all("a" * 2000, [["a"]])


def test_names_of_every_kind_travel_unchanged():
    name = '"quoted"\n<b>海</b>\U0001f980.jpg'
    assert search_all(r"(?s)(.+)\.jpg", [[name]])[0].group == name[:-4]
