"""Counting by codes gives what counting by hand gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from dashboard import counting
from tests.dashboard.frames import table


def test_texts_keep_their_order_when_rows_are_taken():
    ready = counting.ready(table(4, group=["dive 10", "", None, "dive 9"]))
    assert counting.is_ready(ready)
    codes, names = counting.codes(ready, "group")
    assert (codes.tolist(), names) == ([1, -1, -1, 0], ["dive 9", "dive 10"])
    codes, names = counting.codes(ready[ready["row"] < 3], "group")
    assert (codes.tolist(), names) == ([0, -1, -1], ["dive 10"])
    raw = counting.codes(table(2, group=["b", "a"]).assign(row=range(2)), "group")
    assert (raw[0].tolist(), raw[1]) == ([1, 0], ["a", "b"])


@given(st.lists(st.none() | st.lists(st.sampled_from(["ray", "crab", "squid"]), max_size=4), min_size=1, max_size=12))
def test_concepts_are_counted_once_an_image(lists):
    ready = counting.ready(table(len(lists), concepts=pd.Series(lists, dtype=object)))
    above = {"crab": ["crustacean"]}
    for over, wanted in (({}, [set(one or ()) for one in lists]), (above, [_grown(one or (), above) for one in lists])):
        known = counting.concepts(ready, over)
        rows, concepts = known.pairs(counting.lists_of(ready))
        found = [{known.names[c] for c in concepts[rows == row]} for row in range(len(lists))]
        assert found == wanted
        assert len(rows) == sum(map(len, wanted))
        counts = dict(zip(known.names, known.counts(counting.lists_of(ready)).tolist(), strict=True))
        assert counts == {name: sum(name in one for one in wanted) for name in set().union(*wanted)}
        for place, name in enumerate(known.names):
            assert known.showing(place)[counting.lists_of(ready)].tolist() == [name in one for one in wanted]
    assert counting.lengths(ready).tolist() == [len(one or ()) for one in lists]


def _grown(names, above):
    return {over for name in names for over in (name, *above.get(name, ()))}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=30))
def test_different_codes_of_each_place(pairs):
    place, code = (np.array([pair[i] for pair in pairs], dtype=np.int32) for i in (0, 1))
    wanted = [len({c for p, c in pairs if p == here}) for here in range(4)]
    assert counting.different_each(place, code, 4).tolist() == wanted
    assert counting.different(code).tolist() == sorted({c for _, c in pairs})
