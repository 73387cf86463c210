"""The routes behind the Review page: what they write, once, and for whom."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware

from core.review.standing import history, standing
from dashboard import posting, reviewing, routes, state
from dashboard.access import HostGuard
from tests.dashboard.asgi import get, post


@pytest.fixture
def space(workspace_folder, tmp_path, monkeypatch):
    """A copy to write in."""
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(shutil.copytree(workspace_folder, Path(tmp_path) / "w")))
    yield state.workspace()
    st.cache_resource.clear()


@pytest.fixture
def app(space):
    return Starlette(routes=routes.table(), middleware=[Middleware(HostGuard)])


def following(app, actor="Ada", **more):
    body = {"run": 2, "queue": "strangest", "actor": actor, "count": 3, **more}
    answer = post(app, "/bs/review/next", body)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def decision(app, region, key="a-key-of-mine", **more):
    body = {"key": key, "run": 2, "actor": "Ada", "verdict": "new", "regions": [region], **more}
    return post(app, "/bs/review/decide", body)


def test_a_picture_comes_with_everything_that_is_shown(app):
    first = following(app)["items"][0]
    assert first["source"] == f"/bs/image/{first['image']}"
    assert first["nearest"][0]["caption"].startswith("distance 0.")
    assert first["strange"][0].startswith("Stranger than")
    assert {name for name, _ in first["facts"]} >= {"Group", "Time"}
    assert first["layers"][0]["url"].startswith("/bs/why/2/")


def test_a_decision_is_written_once_and_the_queue_goes_on(app, space):
    first, second, _ = following(app)["items"]
    answer = decision(app, first["region"], note="odd", seconds=1.5)
    assert answer.status == 200
    assert decision(app, first["region"], note="odd", seconds=9).body == answer.body
    (kept,) = standing(space.database)
    assert (kept.region_id, kept.verdict, kept.actor, kept.note) == (first["region"], "new", "Ada", "odd")
    after = following(app)
    assert after["items"][0]["region"] == second["region"]
    assert (after["decided"], after["mine"]) == (1, 1)


def test_one_key_decides_the_whole_run_of_near_duplicates(app, space, monkeypatch):
    region = following(app)["items"][0]["region"]
    run = state.finished_run(2)
    others = [int(one) for one in run.table["region_id"] if one != region][:2]
    monkeypatch.setattr(reviewing, "near_duplicates", lambda _run, first: [first, *others])
    assert json.loads(decision(app, region, scope="duplicates").body)["count"] == 3
    assert [one.region_id for one in standing(space.database)] == [region, *others]
    assert {one.scope for one in standing(space.database)} == {"duplicates"}


def test_undo_takes_the_act_back_and_the_picture_returns(app, space):
    first = following(app)["items"][0]
    act = json.loads(decision(app, first["region"]).body)["act"]
    assert [one["act"] for one in following(app, recent=True)["recent"]] == [act]
    body = {"key": "a-key-to-undo", "run": 2, "actor": "Ada", "act": act}
    assert post(app, "/bs/review/undo", body).status == 200
    assert following(app, recent=True)["items"][0]["region"] == first["region"]
    assert len(history(space.database, first["image"])) == 2
    other = post(app, "/bs/review/undo", body | {"key": "another-key", "actor": "Bob"})
    assert (other.status, b"nothing of yours" in other.body) == (422, True)


def test_two_reviewers_get_different_pictures_and_second_opinions_are_blind(app):
    ada, bob = following(app), following(app, "Bob")
    assert not {one["region"] for one in ada["items"]} & {one["region"] for one in bob["items"]}
    region = ada["items"][0]["region"]
    decision(app, region, verdict="taxon", concept="a secret name")
    second = following(app, "Bob", rule="second")
    assert [one["region"] for one in second["items"]] == [region]
    assert "a secret name" not in json.dumps(second)


def test_disagreements_are_a_queue(app):
    region = following(app)["items"][0]["region"]
    decision(app, region)
    decision(app, region, key="key-of-bob", actor="Bob", verdict="gear")
    assert [one["region"] for one in following(app, "Cy", queue="disputed")["items"]] == [region]


def test_names_to_choose_from_are_the_commonest_first(app):
    names = json.loads(get(app, "/bs/concepts/2").body)["concepts"]
    assert [count for _, count in names] == sorted((count for _, count in names), reverse=True)
    assert "<b>bold</b> sponge" in [name for name, _ in names]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"origin": None}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8501.evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "file://127.0.0.1:8501"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "evil.example", "origin": "http://evil.example"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": None}, 415),
    ],
)
@pytest.mark.parametrize("route", ["next", "decide", "undo"])
def test_only_our_own_pages_write(app, space, changed, status, route):
    body = {"key": "forged-key", "run": 2, "actor": "Eve", "verdict": "new", "regions": [1], "act": "x", "count": 1}
    assert post(app, f"/bs/review/{route}", body, changed).status == status
    assert standing(space.database) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b"[" * 100_000, b'{"run": 1e999}', b"\xff\xfe"],
)
def test_what_is_not_an_object_is_refused(app, body):
    assert post(app, "/bs/review/decide", body).status in (400, 422)


def test_a_body_over_the_limit_is_refused(app):
    answer = post(app, "/bs/review/decide", b'{"note": "' + b"n" * posting.LARGEST + b'"}')
    assert answer.status == 413


@pytest.mark.parametrize(
    "wrong",
    [
        {"run": 99},
        {"run": "2"},
        {"run": True},
        {"run": -1},
        {"regions": [10**9]},
        {"regions": "all"},
        {"regions": [1.5]},
        {"regions": [[1]]},
        {"verdict": ["new"]},
        {"verdict": "../../etc/passwd"},
        {"actor": ""},
        {"key": "x"},
        {"boxes": [1]},
        {"boxes": {"x": 1}},
        {"boxes": [{"x": "a", "y": 1, "w": 1, "h": 1}]},
        {"scope": "everything"},
    ],
)
def test_a_decision_that_is_not_whole_is_one_sentence_and_nothing_is_written(app, space, wrong):
    region = int(state.finished_run(2).table["region_id"].iloc[0])
    answer = decision(app, region, **wrong) if "key" not in wrong else decision(app, region, wrong["key"])
    assert answer.status == 422
    assert answer.headers["content-type"].startswith("text/plain")
    assert 10 < len(answer.body) < 300
    assert standing(space.database) == []


def test_a_locked_catalogue_is_told_as_something_that_may_pass(app, space, monkeypatch):
    from core.errors import WorkspaceError
    from dashboard import review_routes

    def locked(*_args, **_more):
        raise WorkspaceError("the catalogue could not be used (database is locked); try again")

    monkeypatch.setattr(review_routes, "decide", locked)
    region = int(state.finished_run(2).table["region_id"].iloc[0])
    assert decision(app, region).status == 503


def test_what_nobody_foresaw_gives_a_number_and_no_traceback(app, monkeypatch):
    from dashboard import review_routes

    monkeypatch.setattr(review_routes, "decide", lambda *_a, **_k: 1 / 0)
    region = int(state.finished_run(2).table["region_id"].iloc[0])
    answer = decision(app, region)
    assert answer.status == 500
    assert b"Traceback" not in answer.body
    assert b"error " in answer.body
