"""Attacks, one test each; `docs/security.md` has a line for every one of them.

Each test fails when its guard is taken away: the page says which guard that is.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import pickle
import re
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from sqlalchemy import func, select
from starlette.applications import Starlette
from starlette.middleware import Middleware

from core.catalogue.conditions import parse
from core.catalogue.formats.registry import read
from core.catalogue.formats.yamls import parse_yaml
from core.catalogue.records import ReadOptions
from core.catalogue.schema import Decision
from core.catalogue.schema import Image as ImageRow
from core.catalogue.selections import evaluate
from core.embed.weights import read_weights
from core.errors import CoreError, FormatError, ImageError, SelectionError
from core.export import decided_table, table_csv
from core.images.decode import open_image
from core.publish import reopening
from core.review.deciding import Act, decide
from core.review.standing import standing
from core.serving import ROOTS_VARIABLE, server_command
from dashboard import finding, parts, posting, reopened, routes, state, weighing
from dashboard.access import HostGuard
from tests.core.review.conftest import NOW
from tests.dashboard.asgi import get, post
from tests.dashboard.synthetic import make_workspace

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security.md"
SCRIPT = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("attacked"), 6, 2)


@pytest.fixture
def space(original, tmp_path, monkeypatch):
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(shutil.copytree(original, tmp_path / "w")))
    yield state.workspace()
    st.cache_resource.clear()


@pytest.fixture
def app(space):
    return Starlette(routes=routes.table(), middleware=[Middleware(HostGuard)])


def test_the_page_names_every_attack_and_every_attack_is_tested():
    named = re.findall(r"`(test_[a-z0-9_]+)`", PAGE.read_text(encoding="utf-8"))
    here = {name for name in globals() if name.startswith("test_")} - {
        "test_the_page_names_every_attack_and_every_attack_is_tested"
    }
    assert len(named) == len(set(named))
    assert set(named) == here


# --- paths ------------------------------------------------------------------------------------------------------------


def test_a_link_out_of_the_folder_is_no_picture(app, space, tmp_path):
    secret = tmp_path / "secret.jpg"
    entry = space.image(1)
    shutil.copy(entry.path, secret)
    inside = entry.path.with_name("link.jpg")
    inside.unlink(missing_ok=True)
    inside.symlink_to(secret)
    try:
        with space.database.write() as session:
            session.get(ImageRow, 1).path = entry.name.rpartition("/")[0] + "link.jpg"
        assert space.image(1) is None
        assert get(app, "/bs/image/1").status == 404
    finally:
        inside.unlink()


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/etc/passwd", "a/../../../../etc/hostname"])
def test_a_path_in_the_catalogue_that_leads_out_is_no_picture(app, space, path):
    with space.database.write() as session:
        session.get(ImageRow, 1).path = path
    assert space.image(1) is None
    assert get(app, "/bs/image/1").status == 404


def test_a_table_cannot_name_a_file_outside_its_folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "secret.jpg").touch()
    (tmp_path / "t.csv").write_text("file,label\n../secret.jpg,crab\n/etc/passwd,crab\n")
    reading = read(tmp_path / "t.csv", ReadOptions(images=tmp_path / "images"))
    assert all(record.absent for record in reading.records)


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt"])
def test_an_export_writes_nothing_outside_its_folder(tmp_path, name):
    from core.publish.writing import Written, write

    written = Written({"data.yaml": b"x", name: b"y"}, 1, "images")
    with pytest.raises(CoreError):
        write(written, tmp_path / "out" / "yolo")
    assert not list(tmp_path.rglob("outside.txt"))


# --- SQL, conditions --------------------------------------------------------------------------------------------------


def test_words_that_are_sql_are_words(space):
    hostile = "'; drop table decisions; --"
    region = int(space.open_run(2).table["region_id"].iloc[0])
    act = Act("sql-key-1", hostile, 2, "taxon", regions=(region,), concept=hostile, note=hostile)
    decide(space.database, act, now=NOW)
    (kept,) = standing(space.database)
    assert (kept.actor, kept.concept, kept.note) == (hostile, hostile, hostile)
    with space.database.read() as session:
        assert session.scalar(select(func.count(Decision.id))) == 1


@pytest.mark.parametrize("text", ["__import__('os').system('touch x')", "depth_m<(lambda: 1)()", "path ~ ('a' or 1=1)"])
def test_a_condition_executes_nothing(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"path": ["a"], "depth_m": [1.0], "region_id": [1], "concepts": [[]], "labelled": [True]})
    with contextlib.suppress(SelectionError):  # refused in a sentence, or words that fit nothing
        assert not evaluate(parse(text), table).mask.any()
    assert list(tmp_path.iterdir()) == []


# --- HTML in names and labels -----------------------------------------------------------------------------------------


def test_names_and_labels_are_text_on_pages(monkeypatch):
    drawn: list[str] = []
    monkeypatch.setattr(st, "html", drawn.append)
    parts.facts([(SCRIPT, SCRIPT)], SCRIPT)
    parts.badges([(SCRIPT, "")])
    parts.empty(SCRIPT, SCRIPT, [SCRIPT])
    parts.note(SCRIPT)
    assert all("<img" not in text for text in drawn)
    assert all("&lt;img" in text for text in drawn)


def test_a_reopened_table_shows_words_as_words():
    cells = {"path": SCRIPT, "region_id": 1, "concepts": [SCRIPT], "verdict": SCRIPT, "content_hash": SCRIPT}
    table = reopening.reopen(json.dumps([cells]).encode(), "x.json").table
    shown = reopened.shots(table, {})
    assert "<img" not in shown
    assert shown.count("&lt;img") == 3


def test_a_reopened_file_has_a_limit(monkeypatch):
    monkeypatch.setattr(reopening, "LARGEST", 1_000)
    for data in (b"path,region_id\n" + b"a,1\n" * 1_000, b"[" * 900):
        with pytest.raises(FormatError):
            reopening.reopen(data, "x")


def test_no_component_makes_html_of_text():
    for path in sorted((ROOT / "dashboard" / "components").glob("*.js")):
        code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        found = re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function)\b", code)
        assert found is None, f"{path.name}: {found and found[0]}"


# --- formulas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"])
def test_no_cell_of_an_export_runs_in_a_spreadsheet(space, cell):
    run = space.open_run(2)
    region = int(run.table["region_id"].iloc[0])
    act = Act("formula-1", "Ada", 2, "taxon", regions=(region,), concept="crab", note=f"{cell} ")
    decide(space.database, act, now=NOW)
    table = decided_table(space, run)
    hostile = table.assign(site=cell, **{"extra.remark": cell})
    for data in (table_csv(hostile), parts.to_csv(hostile)):
        for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")):
            for text in row:
                risky = re.match(r"[=+\-@\t\r]", text) and not re.fullmatch(r"-?\d+(\.\d+)?(e[-+]\d+)?", text)
                assert not risky, text


# --- pickles, bombs ---------------------------------------------------------------------------------------------------


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("ending", [".pth", ".pt", ".bin", ".safetensors"])
def test_weights_that_carry_code_do_not_run(tmp_path, ending):
    mark, path = tmp_path / "mark", tmp_path / f"weights{ending}"
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(CoreError):
        read_weights(path)
    assert not mark.exists()


def test_weights_that_are_sent_with_code_are_not_kept(space, tmp_path):
    mark, sent = tmp_path / "mark", io.BytesIO(pickle.dumps(Bomb(tmp_path / "mark")))
    sent.name, sent.size = "../net.pth", len(sent.getvalue())
    with contextlib.suppress(CoreError):
        weighing.keep(space, sent)
    assert not mark.exists()
    assert weighing.kept(space) == []


def test_no_file_outside_the_allowed_folders_is_chosen(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "out.pth").write_bytes(b"")
    (tmp_path / "in" / "link.pth").symlink_to(tmp_path / "out.pth")
    monkeypatch.setenv(ROOTS_VARIABLE, str(tmp_path / "in"))
    assert finding.listing(tmp_path / "in", weighing.ENDINGS).files == ()
    for path in (tmp_path / "out.pth", tmp_path / "in" / ".." / "out.pth", tmp_path / "in" / "link.pth"):
        with pytest.raises(CoreError):
            finding.allowed(path)


def test_arrays_that_carry_code_do_not_run(tmp_path):
    from core.artefacts import open_array

    mark = tmp_path / "mark"
    np.save(tmp_path / "a.npy", np.array([Bomb(mark)], dtype=object), allow_pickle=True)
    with pytest.raises((CoreError, ValueError)):
        open_array(tmp_path / "a.npy")
    assert not mark.exists()


def test_core_and_dashboard_never_unpickle():
    for folder in ("core", "dashboard"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\bpickle\.(load|loads|Unpickler)|import (dill|joblib|shelve|marshal)\b", text), path
            assert not re.search(r"allow_pickle\s*=\s*True|weights_only\s*=\s*False", text), path
            assert not re.search(r"(?<![.\w])(eval|exec)\(", text), path


def test_a_decompression_bomb_is_refused_by_its_header():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000, 9)) + chunk(b"IEND", b"")
    with pytest.raises(ImageError) as told:
        open_image(bomb)
    assert told.value.code == "too-large"


def test_yaml_makes_no_objects_and_grows_no_aliases():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(FormatError, match="refers to its own parts"):
        parse_yaml(bomb, "bomb.yaml")
    with pytest.raises(FormatError, match="not YAML"):
        parse_yaml("!!python/object/apply:os.system ['touch x']", "code.yaml")


# --- forged Host and origin, uploads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8501", ""])
@pytest.mark.parametrize("path", ["/bs/image/1", "/bs/concepts/2", "/", "/_stcore/health"])
def test_a_forged_host_reads_nothing(app, host, path):
    assert get(app, path, {"host": host}).status == 403


@pytest.mark.parametrize(
    "forged",
    [
        {"origin": "http://evil.example"},
        {"origin": None},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"content-type": "text/plain"},
        {"content-type": "multipart/form-data"},
    ],
)
def test_a_page_elsewhere_writes_nothing(app, space, forged):
    region = int(space.open_run(2).table["region_id"].iloc[0])
    body = {"key": "forged-key", "run": 2, "actor": "Eve", "verdict": "new", "regions": [region]}
    assert post(app, "/bs/review/decide", body, forged).status in (403, 415)
    assert standing(space.database) == []
    assert post(app, "/bs/review/decide", body).status == 200  # the same from our own page


def test_a_body_over_the_limit_is_not_read(app):
    assert post(app, "/bs/review/decide", b"{" + b" " * posting.LARGEST + b"}").status == 413


def test_uploads_are_limited_by_the_server():
    command = server_command(Path("app.py"), 8501)
    limit = next(int(flag.split("=")[1]) for flag in command if flag.startswith("--server.maxUploadSize="))
    assert 0 < limit <= 200
    assert "--server.enableStaticServing=false" in command
    assert "--server.address=127.0.0.1" in command
    assert "--client.showErrorDetails=none" in command


# --- every route by guessed ids ---------------------------------------------------------------------------------------

GUESSES = ("0", "-1", "999999", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "1%00", "１", "9" * 400, "*", "' or 1=1 --", "{x}")


def test_no_route_gives_anything_for_a_guess(app):
    asked = 0
    for route in routes.table():
        names = re.findall(r"\{(\w+)(?::path)?\}", route.path)
        for guess in GUESSES:
            target = re.sub(r"\{\w+(?::path)?\}", lambda _, guess=guess: guess, route.path)
            target = target.replace(" ", "%20").encode("ascii", "replace").decode().replace("?", "%3F")
            if "POST" in (route.methods or ()) or not names:
                continue
            answer = get(app, target)
            asked += 1
            assert answer.status in (404, 405, 410, 422), (target, answer.status)
            assert len(answer.body) < 400
            assert b"Traceback" not in answer.body
            assert b"root:" not in answer.body
    assert asked > 50


def test_every_route_is_guarded():
    for route in routes.table():
        behind = route.endpoint.__qualname__.partition(".")[0]
        assert hasattr(route.endpoint, "__wrapped__") or behind == "posted", route.path


def test_no_answer_tells_where_the_workspace_lies(app, space):
    region = int(space.open_run(2).table["region_id"].iloc[0])
    body = {"run": 2, "queue": "strangest", "actor": "Ada", "count": 3}
    answers = [post(app, "/bs/review/next", body).body, get(app, "/bs/concepts/2").body]
    wrong = {"key": "wrong-key", "run": 2, "actor": "Ada", "verdict": "nonsense", "regions": [region]}
    answers.append(post(app, "/bs/review/decide", wrong).body)
    for body_ in answers:
        assert str(space.root).encode() not in body_
        assert str(space.datasets()[0].root).encode() not in body_
    assert json.loads(answers[0])["items"]
