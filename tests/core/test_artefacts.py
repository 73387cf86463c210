"""The artefact store: whole or not at all, equal bytes for equal values, damage is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from core.artefacts import ArtefactStore, array_digest, canonical_json, digest, write_atomically
from core.errors import ArtefactError


@dataclass(frozen=True)
class Sample:
    vectors: np.ndarray
    table: pd.DataFrame
    facts: dict[str, Any]
    count: int


@dataclass(frozen=True)
class Outer:
    inner: Sample
    rows: np.ndarray


def sample(seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"name": ["a", "<b>"], "concepts": [["x"], []], "depth": [1.5, np.nan]})
    return Sample(rng.normal(size=(3, 4)).astype(np.float32), table, {"rule": "p<=0.05", "n": [1, 2]}, 3)


def test_what_is_saved_comes_back(tmp_path):
    store = ArtefactStore(tmp_path)
    store.save("scores", "abc", sample())
    back = store.load("scores", "abc", Sample)
    assert np.array_equal(back.vectors, sample().vectors)
    assert not back.vectors.flags.writeable
    assert [list(names) for names in back.table["concepts"]] == [["x"], []]
    assert back.facts == {"rule": "p<=0.05", "n": [1, 2]}
    assert back.count == 3


def test_a_dataclass_inside_comes_back_as_one(tmp_path):
    store = ArtefactStore(tmp_path)
    store.save("scores", "abc", Outer(sample(), np.arange(3)))
    back = store.load("scores", "abc", Outer)
    assert np.array_equal(back.inner.vectors, sample().vectors)
    assert back.inner.facts == sample().facts
    assert np.array_equal(back.rows, [0, 1, 2])
    assert store.verify("scores", "abc") == []


def test_equal_values_give_equal_bytes(tmp_path):
    stores = [ArtefactStore(tmp_path / name) for name in ("one", "two")]
    for store in stores:
        store.save("scores", "abc", sample())
    files = [{path.name: path.read_bytes() for path in store.path("scores", "abc").iterdir()} for store in stores]
    assert files[0] == files[1]
    assert len(files[0]) == 3


def test_a_second_save_changes_nothing(tmp_path):
    store = ArtefactStore(tmp_path)
    store.save("scores", "abc", sample(0))
    store.save("scores", "abc", sample(1))
    assert np.array_equal(store.load("scores", "abc", Sample).vectors, sample(0).vectors)


def test_a_failing_write_leaves_nothing(tmp_path):
    store = ArtefactStore(tmp_path)
    broken = Sample(np.array([object()]), pd.DataFrame(), {}, 0)
    with pytest.raises(ValueError, match="allow_pickle"):
        store.save("scores", "abc", broken)
    assert not store.has("scores", "abc")
    assert store.sweep() == 1
    assert store.sweep() == 0


def test_damage_is_found_and_named(tmp_path):
    store = ArtefactStore(tmp_path)
    store.save("scores", "abc", sample())
    assert store.verify("scores", "abc") == []
    file = store.path("scores", "abc") / "vectors.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert store.verify("scores", "abc") == ["vectors.npy"]
    file.unlink()
    assert store.verify("scores", "abc") == ["vectors.npy"]
    with pytest.raises(ArtefactError, match="run the pipeline again"):
        store.load("scores", "abc", Sample)


def test_a_missing_artefact_says_what_to_do(tmp_path):
    with pytest.raises(ArtefactError, match="run the pipeline again"):
        ArtefactStore(tmp_path).load("scores", "nothing", Sample)


@pytest.mark.parametrize("key", ["../x", "a/b", "", "a.b"])
def test_keys_cannot_leave_the_store(tmp_path, key):
    with pytest.raises(ArtefactError):
        ArtefactStore(tmp_path).path("scores", key)


def test_the_key_depends_on_everything_named():
    base = ArtefactStore.key("scores", 1, {"graph": "a"}, {"k": 10})
    others = [
        ArtefactStore.key("score", 1, {"graph": "a"}, {"k": 10}),
        ArtefactStore.key("scores", 2, {"graph": "a"}, {"k": 10}),
        ArtefactStore.key("scores", 1, {"graph": "b"}, {"k": 10}),
        ArtefactStore.key("scores", 1, {"graph": "a"}, {"k": 11}),
    ]
    assert len({base, *others}) == 5
    assert base == ArtefactStore.key("scores", 1, {"graph": "a"}, {"k": 10})


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_digests_keep_parts_apart(one, two):
    assert (digest(*one) == digest(*two)) == (one == two)


@settings(max_examples=30)
@given(npst.arrays(np.float32, npst.array_shapes(max_dims=2, max_side=4), elements=st.floats(width=32)))
def test_array_digests_see_bits_and_shape(array):
    assert array_digest(array) == array_digest(array.copy())
    assert array_digest(array) != array_digest(array[None])
    assert array_digest(array) != array_digest(array.astype(np.float64))


def test_canonical_json_refuses_what_json_cannot_say():
    assert canonical_json({"b": 1, "a": [1.5]}) == '{"a":[1.5],"b":1}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"a": float("nan")})


def test_atomic_writing_replaces_whole(tmp_path):
    path = tmp_path / "deep" / "file.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [item.name for item in path.parent.iterdir()] == ["file.json"]
