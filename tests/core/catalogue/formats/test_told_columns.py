"""Columns whose meaning a person says, because their names do not."""

from __future__ import annotations

import pytest

from core.catalogue.formats.columns import KEPT, candidates, checked_roles, roles_from
from core.catalogue.formats.registry import read
from core.catalogue.records import ReadOptions, options_from_json
from core.errors import FormatError, SettingsError


def test_what_is_said_wins_over_names():
    header = ("depth", "Tiefe", "name")
    assert candidates(header, "depth") == [0]
    assert candidates(header, "depth", {"Tiefe": "depth"}) == [1]
    assert candidates(header, "depth", {"depth": KEPT}) == []
    assert candidates(header, "depth", {"depth": "site"}) == []
    assert candidates(header, "file", {"Tiefe": "depth"}) == [2]


def test_a_table_in_another_language_is_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "t.csv").write_text("Bild,Tiefe,Tier,depth\na.jpg,512,Krebs,no number\n")
    told = {"Tiefe": "depth", "Tier": "labels", "depth": KEPT}
    reading = read(tmp_path / "t.csv", ReadOptions(columns=told), "table")
    (record,) = reading.records
    assert record.depth_m == 512.0
    assert [one.concept for one in record.annotations] == ["Krebs"]
    assert record.extra["depth"] == "no number"


def test_the_files_column_can_be_said_where_no_name_and_no_file_tells_it(tmp_path):
    (tmp_path / "t.csv").write_text("Bild,Tiefe\nx.jpg,512\n")
    with pytest.raises(FormatError, match="no column that names the images"):
        read(tmp_path / "t.csv", ReadOptions(), "table")
    reading = read(tmp_path / "t.csv", ReadOptions(columns={"Bild": "file"}), "table")
    assert [record.path for record in reading.records] == ["x.jpg"]


def test_roles_travel_and_are_checked():
    options = ReadOptions(columns={"Tiefe": "depth"})
    assert options_from_json(options.to_json()) == options
    assert ReadOptions().to_json() == {}
    assert roles_from(["a=b=depth"]) == {"a=b": "depth"}
    for bad in (["depth"], ["a=deep"]):
        with pytest.raises(SettingsError):
            roles_from(bad)
    with pytest.raises(SettingsError, match="a column can be file"):
        checked_roles({"a": "deep"})
