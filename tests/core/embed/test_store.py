"""The store of embeddings: whole batches, equal bytes after any interruption, one writer, many readers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.embed.store import EmbeddingStore, region_key
from core.errors import ArtefactError, EmbeddingError, WorkspaceError

D = 5


def rows(*keys: str) -> np.ndarray:
    """A row for each key, told apart by the key."""
    return np.array([[hash_of(key) + column for column in range(D)] for key in keys], dtype=np.float32)


def hash_of(key: str) -> int:
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(key))


def files(store: EmbeddingStore) -> tuple[bytes, bytes]:
    return (store.folder / "vectors.f32").read_bytes(), (store.folder / "index.bin").read_bytes()


@pytest.fixture
def store(tmp_path):
    with EmbeddingStore(tmp_path, "e1", D) as opened:
        yield opened


def test_what_is_stored_is_read_in_any_order(store):
    store.append(["a", "b", "c"], rows("a", "b", "c"))
    store.append(["d"], rows("d"))
    assert len(store) == 4
    assert (store.read(["d", "a", "a", "c"]) == rows("d", "a", "a", "c")).all()
    assert store.read(["b"]).dtype == np.float32
    assert store.missing(["x", "a", "y", "x"]) == ["x", "y"]
    store.verify()


def test_an_empty_store(tmp_path):
    store = EmbeddingStore(tmp_path, "e1", D)
    assert len(store) == 0
    assert store.missing(["a"]) == ["a"]
    assert store.read([]).shape == (0, D)
    store.verify()
    store.close()
    assert not store.folder.exists(), "looking leaves no trace"


def test_rows_that_are_there_are_left_as_they_are(store):
    store.append(["a", "b"], rows("a", "b"))
    before = files(store)
    store.append(["b", "a"], rows("x", "y"))
    assert files(store) == before
    store.append(["b", "c"], rows("x", "c"))
    assert (store.read(["a", "b", "c"]) == rows("a", "b", "c")).all()


def test_opened_again(tmp_path):
    with EmbeddingStore(tmp_path, "e1", D) as store:
        store.append(["a", "b"], rows("a", "b"))
    again = EmbeddingStore(tmp_path, "e1", D)
    assert (again.read(["b", "a"]) == rows("b", "a")).all()
    with again:
        again.append(["c"], rows("c"))
    assert (EmbeddingStore(tmp_path, "e1", D).read(["c"]) == rows("c")).all()


def test_embedders_do_not_mix(tmp_path):
    with EmbeddingStore(tmp_path, "e1", D) as first, EmbeddingStore(tmp_path, "e2", D) as second:
        first.append(["a"], rows("a"))
        assert second.missing(["a"]) == ["a"]


# --- interruptions ----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_any_torn_end_is_cut_back_to_whole_batches_and_made_good(tmp_path_factory, sizes, data):
    """Files cut anywhere behind the first byte of the last batches: the same batches again give the same bytes."""
    batches, count = [], 0
    for size in sizes:
        batches.append([f"k{count + place}" for place in range(size)])
        count += size
    whole = tmp_path_factory.mktemp("whole")
    with EmbeddingStore(whole, "e", D) as store:
        for keys in batches:
            store.append(keys, rows(*keys))
        expected = files(store)

    torn = tmp_path_factory.mktemp("torn")
    with EmbeddingStore(torn, "e", D) as store:
        for keys in batches:
            store.append(keys, rows(*keys))
    vectors_left = data.draw(st.integers(0, len(expected[0])), label="bytes of vectors")
    index_left = data.draw(st.integers(0, len(expected[1])), label="bytes of index")
    os.truncate(store.folder / "vectors.f32", vectors_left)
    os.truncate(store.folder / "index.bin", index_left)

    with EmbeddingStore(torn, "e", D) as store:
        for keys in batches:
            absent = store.missing(keys)
            assert absent in ([], keys), "a batch is there whole or not at all"
            if absent:
                store.append(keys, rows(*keys))
        store.verify()
        assert files(store) == expected


def test_a_reader_does_not_see_half_a_batch(store, tmp_path):
    store.append(["a", "b"], rows("a", "b"))
    _, index = files(store)
    (store.folder / "index.bin").write_bytes(index[: len(index) // 2 + 10])
    assert EmbeddingStore(tmp_path, "e1", D).missing(["a", "b"]) == ["a", "b"]


def test_kill_9_in_the_middle_of_writing(tmp_path):
    """Killed at random moments and resumed, the files end as those of an undisturbed run."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from core.embed.store import EmbeddingStore\n"
        "batches = [[f'{b}-{i}' for i in range(1 + b % 7)] for b in range(1500)]\n"
        "print('ready', flush=True)\n"
        "with EmbeddingStore(Path(sys.argv[1]), 'e', 64) as store:\n"
        "    for b, keys in enumerate(batches):\n"
        "        if store.missing(keys):\n"
        "            store.append(keys, np.full((len(keys), 64), b, np.float32) + np.arange(64, dtype=np.float32))\n"
    )

    def start(folder) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    undisturbed = start(tmp_path / "undisturbed")
    undisturbed.communicate()
    assert undisturbed.returncode == 0
    killed = 0
    for pause in (0.02, 0.05, 0.03):
        process = start(tmp_path / "killed")
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    final = start(tmp_path / "killed")
    final.communicate()
    assert final.returncode == 0
    assert killed > 0
    stores = [EmbeddingStore(tmp_path / name, "e", 64) for name in ("undisturbed", "killed")]
    stores[1].verify()
    assert files(stores[0]) == files(stores[1])


def test_rows_lost_in_a_power_cut_are_made_again(tmp_path):
    """The index reached the disk, the vectors came back as zeros: the checksum tells."""
    with EmbeddingStore(tmp_path, "e1", D) as store:
        for key in "abc":
            store.append([key], rows(key))
    path = store.folder / "vectors.f32"
    path.write_bytes(path.read_bytes()[: 4 * D] + bytes(8 * D))
    with EmbeddingStore(tmp_path, "e1", D) as store:
        assert store.missing(list("abc")) == ["b", "c"]
        store.append(["b"], rows("b"))
        assert (store.read(["a", "b"]) == rows("a", "b")).all()


def test_a_failed_write_is_a_sentence_and_leaves_the_store_usable(store, monkeypatch):
    store.append(["a"], rows("a"))

    def full(file, data):
        file.write(data[:7])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("core.embed.store._write_all", full)
        with pytest.raises(WorkspaceError, match=r"No space left on device.*finished work is kept"):
            store.append(["b"], rows("b"))
    store.append(["b"], rows("b"))
    assert (store.read(["a", "b"]) == rows("a", "b")).all()
    store.verify()


# --- writers and readers ----------------------------------------------------------------------------------------------


def test_one_writer(store, tmp_path):
    other = EmbeddingStore(tmp_path, "e1", D)
    with pytest.raises(WorkspaceError, match="another process is writing the embeddings in e1"):
        other.append(["b"], rows("b"))
    with pytest.raises(WorkspaceError, match="another process is writing"), other:
        pass
    store.close()
    other.append(["b"], rows("b"))
    other.close()


def test_a_reader_sees_what_another_process_appended(store, tmp_path):
    reader = EmbeddingStore(tmp_path, "e1", D)
    store.append(["a"], rows("a"))
    assert (reader.read(["a"]) == rows("a")).all()
    store.append(["b", "c"], rows("b", "c"))
    assert reader.missing(["a", "b", "c", "d"]) == ["d"]


def test_a_writer_that_waited_sees_the_rows_of_the_one_before(store, tmp_path):
    other = EmbeddingStore(tmp_path, "e1", D)
    store.append(["a"], rows("a"))
    store.close()
    with other:
        other.append(["a", "b"], rows("x", "b"))
        assert (other.read(["a", "b"]) == rows("a", "b")).all()


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_region_without_embedding(store):
    store.append(["a"], rows("a"))
    with pytest.raises(ArtefactError, match=r"1 of 2 regions have no embedding \(the first is b\)"):
        store.read(["a", "b"])


@pytest.mark.parametrize(
    ("keys", "vectors", "message"),
    [
        (["a"], np.zeros((1, D + 1), np.float32), r"shape \(1, 5\), got float32 of \(1, 6\)"),
        (["a"], np.zeros((2, D), np.float32), "shape"),
        (["a"], np.zeros((1, D), np.float64), "got float64"),
        (["a"], np.full((1, D), np.nan, np.float32), "not finite"),
        (["a", "a"], np.zeros((2, D), np.float32), "none twice"),
        (["x" * 65], np.zeros((1, D), np.float32), "64 ASCII"),
        (["é"], np.zeros((1, D), np.float32), "64 ASCII"),
        ([""], np.zeros((1, D), np.float32), "64 ASCII"),
    ],
)
def test_what_does_not_belong_is_refused(store, keys, vectors, message):
    with pytest.raises(EmbeddingError, match=message):
        store.append(keys, vectors)
    assert len(store) == 0


def test_another_dimension(store, tmp_path):
    with pytest.raises(ArtefactError, match="have 5 dimensions, but 7 were expected"):
        EmbeddingStore(tmp_path, "e1", 7)


def test_a_newer_format(store, tmp_path):
    (store.folder / "store.json").write_text('{"format": 99, "dimension": 5}')
    with pytest.raises(ArtefactError, match="newer version"):
        EmbeddingStore(tmp_path, "e1", D)


def test_a_key_that_would_leave_the_folder(tmp_path):
    with pytest.raises(WorkspaceError, match="letters and digits"):
        EmbeddingStore(tmp_path, "../elsewhere", D)


def test_damage_is_found(store, tmp_path):
    store.append(["a", "b", "c"], rows("a", "b", "c"))
    path = store.folder / "vectors.f32"
    data = bytearray(path.read_bytes())
    data[4 * D + 3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ArtefactError, match="1 of 3 embeddings are damaged; delete the folder"):
        store.verify()


def test_vectors_cut_short_are_found(store, tmp_path):
    store.append(["a", "b"], rows("a", "b"))
    os.truncate(store.folder / "vectors.f32", 4 * D)
    with pytest.raises(ArtefactError, match="missing or cut short"):
        store.read(["b"])


def test_region_keys():
    assert region_key("ab", None) == region_key("ab", None)
    assert region_key("ab", (1, 2, 3, 4)) == region_key("ab", (1.0, 2.0, 3.0, 4.0))
    keys = {
        region_key("ab", None),
        region_key("ac", None),
        region_key("ab", (1, 2, 3, 4)),
        region_key("ab", (1, 2, 3, 5)),
    }
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)
