"""Pictures placed on a map: kept once, counted, removed, put back, and never in the way when something is broken."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.clusters import album
from core.clusters.album import PlacedPicture
from core.errors import WorkspaceError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN = SimpleNamespace(info=SimpleNamespace(uid="u1"), table=range(10))
COPY = album.copy_of(Image.new("L", (2000, 500), 90))


def space_at(folder):
    return SimpleNamespace(root=folder)


def made(number: int, name: str = "a.jpg", copy: bytes = COPY) -> PlacedPicture:
    return PlacedPicture(
        f"{number:024x}",
        album.checksum(copy),
        name,
        NOW.isoformat(),
        "net",
        2000,
        500,
        1.5,
        -2.0,
        0.25,
        (3, 1),
        (0.75, 0.25),
    )


def held(space) -> list[int]:
    return [int(one.digest, 16) for one in album.read_album(space, RUN).pictures]


def test_a_copy_is_small_and_in_colour():
    copy = Image.open(BytesIO(COPY))
    assert (copy.format, copy.mode, copy.size) == ("JPEG", "RGB", (1024, 256))


@pytest.mark.parametrize("name", ["<b>", "line\u2028apart\x85\n", "\udcff\udcfe", "مرجان.jpg"])
def test_what_is_kept_comes_back_whatever_it_is_called(tmp_path, name):
    space, placed = space_at(tmp_path), replace(made(1, name), score=0.5, percentile=97.0)
    assert album.keep(space, RUN, placed, COPY)
    assert album.read_album(space, RUN) == album.Album((placed,), (), 0)
    assert album.read_copy(space, RUN, placed) == COPY
    assert album.read_album(space, SimpleNamespace(info=SimpleNamespace(uid="u2"), table=range(10))).pictures == ()


def test_the_same_picture_is_kept_once_and_a_damaged_copy_is_mended(tmp_path):
    space = space_at(tmp_path)
    assert album.keep(space, RUN, made(1), COPY)
    assert not album.keep(space, RUN, made(1, "other name"), COPY)
    path = album.copy_path(space, RUN, made(1).digest)
    for damage in (lambda: path.write_bytes(COPY[:-9]), path.unlink):
        damage()
        assert album.read_copy(space, RUN, made(1)) is None
        assert held(space) == [1]
        assert album.keep(space, RUN, made(1), COPY)
        assert album.read_copy(space, RUN, made(1)) == COPY
        assert held(space) == [1]


def test_one_more_than_may_be_is_refused_and_none_is_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(album, "MOST", 2)
    space = space_at(tmp_path)
    for number in (1, 2):
        album.keep(space, RUN, made(number), COPY)
    with pytest.raises(WorkspaceError, match=r"holds 2 placed pictures.*remove some"):
        album.keep(space, RUN, made(3), COPY)
    assert held(space) == [1, 2]
    album.remove(space, RUN, {made(1).digest}, NOW)
    assert album.keep(space, RUN, made(3), COPY)
    assert held(space) == [2, 3]


def test_lines_that_make_no_sense_are_counted_and_the_rest_is_there(tmp_path):
    space = space_at(tmp_path)
    album.keep(space, RUN, made(1), COPY)
    log = album.folder(space, RUN) / "log.jsonl"
    good = json.loads(log.read_text())["picture"]
    wrong = [
        {"digest": "../../../etc/passwd"},
        {"rows": [10, 1]},
        {"rows": [-1, 1]},
        {"shares": [1.0]},
        {"width": 0},
        {"at": "2026-01-02"},
        {"x": float("nan")},
        {"name": 7},
        {"more": 1},
    ]
    with log.open("a") as file:
        for change in wrong:
            file.write(json.dumps({"act": "place", "picture": good | {"digest": "f" * 24} | change}) + "\n")
        file.write('[1]\nnull\n{"act": "fly"}\n{"act": "remove"}\n{"act": "pla')
    found = album.read_album(space, RUN)
    assert ([one.digest for one in found.pictures], found.unread) == ([made(1).digest], len(wrong) + 5)
    album.keep(space, RUN, made(2), COPY)  # begins on a line of its own
    assert held(space) == [1, 2]


def test_a_disk_that_refuses_is_told_and_nothing_is_placed(tmp_path):
    (tmp_path / "placed").write_text("in the way")
    with pytest.raises(WorkspaceError, match="could not be kept"):
        album.keep(space_at(tmp_path), RUN, made(1), COPY)
    assert held(space_at(tmp_path)) == []


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.integers(0, 5)),
        st.tuples(st.just("remove"), st.frozensets(st.integers(0, 5), min_size=1)),
        st.tuples(st.just("undo"), st.none()),
    ),
    max_size=12,
)


@given(acts=ACTS, most=st.integers(1, 4))
def test_any_acts_leave_what_a_plain_model_of_them_leaves(tmp_path_factory, acts, most):
    """A dictionary and a stack, and every picture that is shown or can be put back has its copy."""
    space = space_at(tmp_path_factory.mktemp("album"))
    there: set[int] = set()
    stack: list[frozenset[int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(album, "MOST", most)
        for act, what in acts:
            if act == "place":
                if what not in there and len(there) >= most:
                    with pytest.raises(WorkspaceError):
                        album.keep(space, RUN, made(what), COPY)
                else:
                    assert album.keep(space, RUN, made(what), COPY) is (what not in there)
                    there.add(what)
            elif act == "remove":
                album.remove(space, RUN, {made(number).digest for number in what}, NOW)
                if gone := what & there:
                    there -= gone
                    stack.append(gone)
                    while len(stack) > 1 and sum(map(len, stack)) > most:
                        stack.pop(0)
            else:
                album.undo(space, RUN, NOW)
                there |= stack.pop() if stack else set()
            found = album.read_album(space, RUN)
            assert {int(one.digest, 16) for one in found.pictures} == there
            assert [{int(one.digest, 16) for one in gone} for gone in found.removed] == stack
            assert found.unread == 0
            needed = {one.digest for one in (*found.pictures, *(one for gone in found.removed for one in gone))}
            copies = {path.stem for path in album.folder(space, RUN).glob("*.jpg")}
            assert needed <= copies
            assert len(copies) <= 3 * most + 6
