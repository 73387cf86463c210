"""An exported table opens again with the same values, whatever stands in it; whatever else comes is one sentence."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import FormatError
from core.export import decided_table
from core.publish import reopening
from core.publish.reopening import images_here, reopen
from core.publish.writing import make
from core.review.deciding import Act, decide
from core.runs import TABLE_COLUMNS
from core.workspace import open_workspace
from tests.core.catalogue.formats.test_fuzz import CELLS, EXAMPLES, JSON
from tests.core.review.conftest import NOW
from tests.dashboard.synthetic import make_workspace

NOTES = ("=1+1", "'quoted", '"', "a\r\nb", "<b>x</b>", ";", "ünï", "")


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """A drawn workspace, its run, and its table with decisions whose notes are hard to write."""
    space = open_workspace(make_workspace(tmp_path_factory.mktemp("reopened"), 5, 3))
    run = space.open_run(2)
    for number, note in enumerate(NOTES):
        region = int(run.table["region_id"].iloc[number])
        act = Act(f"reopen-{number}", f"Ada {note}", run.id, "taxon", regions=(region,), concept="crab", note=note)
        decide(space.database, act, now=NOW)
    yield space, run, decided_table(space, run)
    space.close()


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_every_value_comes_back(reviewed, kind):
    space, run, table = reviewed
    written = make(space, run, kind, np.arange(len(table)))
    again = reopen(written.files[f"regions.{kind}"], f"regions.{kind}")
    assert again.remarks == ()
    assert again.run == run.id
    assert again.name == (run.name if kind == "json" else "")
    assert again.has_map
    assert len(again.table) == len(table)
    assert set(table.columns) <= set(again.table.columns)
    for name in table.columns:
        here, there = table[name], again.table[name]
        if here.dtype.kind == "f":
            np.testing.assert_allclose(there.to_numpy(float), here.to_numpy(float), rtol=1e-8, err_msg=name)
        elif here.dtype.kind == "M":
            assert there.astype("datetime64[us, UTC]").equals(here.astype("datetime64[us, UTC]")), name
        elif name == "concepts":
            assert [list(one) for one in there] == [list(one) for one in here]
        else:
            assert ["" if pd.isna(one) else one for one in there] == ["" if pd.isna(one) else one for one in here], name


def test_a_selection_comes_back_as_a_selection(reviewed):
    space, run, _ = reviewed
    written = make(space, run, "csv", np.array([3, 5]))
    assert reopen(written.files["regions.csv"], "x").table["region_id"].tolist() == [
        int(run.table["region_id"].iloc[row]) for row in (3, 5)
    ]


def test_pictures_that_are_here_are_found_by_their_content(reviewed):
    space, run, _ = reviewed
    hashes = run.table["content_hash"].tolist()
    found = images_here(space.database, [*hashes, "0" * 32, ""])
    assert found == dict(zip(hashes, run.table["image_id"].tolist(), strict=True))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "lacks the column path"),
        (b"path,region_id\na,1,2\n", "row 2 .* 3 cells"),
        (b"path,path\n", "two columns"),
        (b'path,region_id\n"a', "not a CSV table"),
        (b"\x89PNG\x00\x00", "an image"),
        (b"{", "not a JSON document"),
        (b'{"a": 1}', "no list of regions"),
        (b"[" * 100_000, "nested too deeply"),
        (b'[{"path": "a"}]', "lacks the column region_id"),
    ],
)
def test_what_is_no_table_of_a_run_is_one_sentence(data, words):
    with pytest.raises(FormatError, match=words):
        reopen(data, "file.csv")


def test_a_file_over_the_limit_is_not_read(monkeypatch):
    monkeypatch.setattr(reopening, "LARGEST", 10)
    with pytest.raises(FormatError, match="up to 10"):
        reopen(b"path,region_id\n", "file.csv")


def test_cells_of_another_kind_are_missing_and_counted():
    again = reopen(b"path,region_id,depth_m,taken_at,flagged,concepts,remark\na,x,deep,noon,maybe,crab;ray,=1\n", "f")
    row = again.table.iloc[0]
    assert pd.isna(row["region_id"])
    assert np.isnan(row["depth_m"])
    assert pd.isna(row["taken_at"])
    assert not row["flagged"]
    assert row["concepts"] == ["crab", "ray"]
    assert {remark.split(" are not")[0] for remark in again.remarks[1:]} == {
        "1 cells of region_id", "1 cells of depth_m", "1 cells of taken_at", "1 cells of flagged"
    }  # fmt: skip
    assert not again.has_map
    assert set(TABLE_COLUMNS) <= set(again.table.columns)


NAMES = [*list(TABLE_COLUMNS)[:4], "x", "y", "depth_m", "concepts", "taken_at", "flagged", "verdict", "a"]
MANY = settings(max_examples=EXAMPLES, deadline=None)


def opened(data: bytes) -> None:
    try:
        found = reopen(data, "some file")
    except FormatError:
        return
    assert set(TABLE_COLUMNS) <= set(found.table.columns)
    found.table.to_json(date_format="iso")  # text can be shown


@MANY
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON), max_size=4), JSON)
def test_random_json_is_a_table_or_a_sentence(rows, name):
    opened(json.dumps({"regions": rows, "name": name, "run": name}).encode())
    complete = [{"path": "a", "region_id": 1} | row for row in rows]
    if complete:
        assert len(reopen(json.dumps(complete).encode(), "f").table) == len(complete)


@MANY
@given(st.lists(st.lists(CELLS, min_size=1, max_size=12), max_size=5), st.binary(max_size=200))
def test_random_rows_and_bytes_are_a_table_or_a_sentence(rows, data):
    out = io.StringIO()
    csv.writer(out).writerows([NAMES[: max(map(len, rows), default=3)], *rows])
    opened(out.getvalue().encode())
    opened(data)
