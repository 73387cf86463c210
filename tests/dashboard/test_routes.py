"""Our routes: what they give, to whom, and what they never give."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from core.catalogue.schema import Image as ImageRow
from dashboard import assets, report_routes, routes, state
from dashboard.access import HostGuard, guarded, host_allowed
from dashboard.bodies import BODIES
from dashboard.listings import LISTINGS
from tests.dashboard.asgi import get
from tests.dashboard.synthetic import HOSTILE


@pytest.fixture
def app(served):
    return Starlette(routes=routes.table(), middleware=[Middleware(HostGuard)])


def picture(answer) -> Image.Image:
    assert answer.status == 200
    assert answer.headers["content-encoding"] == "identity"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    return Image.open(io.BytesIO(answer.body))


def test_thumbnails_come_in_two_sizes(app):
    assert picture(get(app, "/bs/thumb/1")).size == (256, 144)
    assert picture(get(app, "/bs/thumb/1?size=64")).size == (64, 36)
    assert get(app, "/bs/thumb/1").headers["content-type"] == "image/jpeg"


def test_a_picture_comes_with_its_own_bytes_at_full_size(app, view):
    answer = get(app, "/bs/image/1")
    assert picture(answer).size == (320, 180)
    assert answer.body == view.workspace.image(1).path.read_bytes()


def test_what_is_known_already_is_not_sent_again(app):
    first = get(app, "/bs/image/1")
    again = get(app, "/bs/image/1", {"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("route", ["thumb", "image"])
@pytest.mark.parametrize(
    "wanted",
    [
        *(
            "0",
            "-1",
            "999999",
            "1.5",
            "+1",
            "%31%00",
            "%2fetc%2fpasswd",
            "..%2f..%2fetc%2fpasswd",
            "１",
            "9" * 5000,
            "1/..",
        ),
        *("1e0", "0x1", "", "nan", "18446744073709551617"),
    ],
)
def test_nothing_but_a_known_id_gets_a_picture(app, route, wanted):
    answer = get(app, f"/bs/{route}/{wanted}")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.body == b"there is nothing here"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:8501",
        "user@127.0.0.1",
        "",
        "127.0.0.1/x",
    ],
)
@pytest.mark.parametrize("path", ["/bs/thumb/1", "/bs/image/1", "/bs/sheet/2?rows=0", "/", "/_stcore/health"])
def test_a_forged_host_gets_nothing(app, host, path):
    answer = get(app, path, {"host": host})
    assert answer.status == 403
    assert b"host name" in answer.body
    assert len(answer.body) < 100


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8501", "[::1]:8501", "LOCALHOST", "127.0.0.1.:8501"])
def test_this_machine_answers_to_its_own_names(host):
    assert host_allowed(host)


def test_a_configured_host_is_answered(monkeypatch):
    from streamlit import config

    asked = {"server.allowedHosts": ["reef.example", "*.lab.example"], "server.address": "10.0.0.7"}
    monkeypatch.setattr(config, "get_option", asked.__getitem__)
    assert all(host_allowed(host) for host in ("reef.example", "a.lab.example:80", "10.0.0.7:8501"))
    assert not any(host_allowed(host) for host in ("lab.example", "xlab.example", "10.0.0.8"))


def test_two_hosts_in_one_request_are_refused(served):
    guard = HostGuard(lambda *_: pytest.fail("went through"))
    import anyio

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": [(b"host", b"127.0.0.1"), (b"host", b"evil.example")]}
    anyio.run(guard, scope, None, send)
    assert sent[0]["status"] == 403


def test_a_websocket_of_a_forged_host_is_closed():
    guard = HostGuard(lambda *_: pytest.fail("went through"))
    import anyio

    sent = []

    async def send(message):
        sent.append(message)

    anyio.run(guard, {"type": "websocket", "headers": [(b"host", b"evil.example")]}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_a_sheet_has_a_tile_for_each_row(app):
    answer = get(app, "/bs/sheet/2?rows=0-11,3&tile=64")
    assert picture(answer).size == (640, 128)
    assert "immutable" in answer.headers["cache-control"]
    assert get(app, "/bs/sheet/2?rows=0-11,3&tile=64").body == answer.body


def test_a_part_of_an_image_is_shown_as_its_own_tile(app):
    run = state.finished_run(1)
    assert set(run.table["region"]) != {"image"}
    sheet = np.asarray(picture(get(app, "/bs/sheet/1?rows=0,1&tile=128")).convert("L"), dtype=float)
    assert np.abs(sheet[:, :128] - sheet[:, 128:256]).mean() > 1


def test_small_parts_are_cut_from_the_image_when_asked_to_be_sharp(app):
    coarse, sharp = (picture(get(app, f"/bs/sheet/1?rows=0-3&tile=256{end}")) for end in ("", "&kind=sharp"))
    assert coarse.size == sharp.size == (2560, 256)
    space, record = state.workspace(), state.finished_run(1).table.iloc[3]
    x, y, w, h = (int(record[f"box_{side}"]) for side in "xywh")
    true = (
        Image.open(space.image(int(record["image_id"])).path)
        .crop((x, y, x + w, y + h))
        .resize((256, round(256 * h / w)))
    )
    top = (256 - true.height) // 2

    def error(sheet):
        shown = sheet.crop((768, top, 1024, top + true.height))
        return np.abs(np.asarray(shown, dtype=float) - np.asarray(true, dtype=float)).mean()

    assert error(sharp) < 0.8 * error(coarse)


def test_parts_can_be_seen_in_their_frames(app):
    table = state.finished_run(1).table
    part = next(row for row in range(100) if table["image_id"].iloc[row] == table["image_id"].iloc[row + 1])
    seen = [
        np.asarray(
            picture(get(app, f"/bs/sheet/1?rows={part}-{part + 1}&tile=64{end}")).crop((0, 0, 128, 64)), dtype=float
        )
        for end in ("", "&kind=part", "&kind=frame")
    ]
    left, right = seen[2][:, :64], seen[2][:, 64:]
    assert np.abs(left - right).mean() < 2  # two parts of one image share its frame
    assert np.abs(seen[0][:, :64] - seen[0][:, 64:]).mean() > 4
    assert (seen[0] == seen[1]).all()


@pytest.mark.parametrize(
    "query",
    [
        "rows=",
        "rows=a",
        "rows=-1",
        "rows=5-2",
        "rows=0-96",
        "rows=0-9999999999",
        "rows=" + "0," * 3000 + "0",
        "rows=0-255,0",
    ],
)
def test_rows_that_make_no_sense_are_refused_in_a_sentence(app, query):
    answer = get(app, f"/bs/sheet/2?{query}&tile=64")
    assert answer.status == 422
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "target",
    [
        *("/bs/sheet/99?rows=0", "/bs/sheet/2?rows=0&tile=100", "/bs/sheet/2?rows=0&tile=9999"),
        *("/bs/sheet/2?rows=0&kind=whole", "/bs/sheet/2?rows=0&kind="),
    ],
)
def test_unknown_runs_and_sizes_have_no_sheet(app, target):
    assert get(app, target).status == 404


def test_a_listing_gives_its_items_block_by_block(app, view):
    kept = LISTINGS.add(view.run, np.arange(96)[::-1], ("ood_score", "group"))
    first = json.loads(get(app, f"/bs/listing/{kept.key}/0").body)["items"]
    assert len(first) == 96
    assert first[0]["row"] == 95
    assert first[0]["image"] == view.run.table["image_id"].iloc[95]
    assert json.loads(get(app, f"/bs/listing/{kept.key}/1").body) == {"items": []}
    assert HOSTILE in [item["name"] for item in first]


def test_a_listing_that_is_no_longer_kept_says_so(app):
    assert get(app, "/bs/listing/0123456789abcdef/0").status == 410


def test_modules_come_from_a_fixed_table(app):
    answer = get(app, assets.module("gallery.js"))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert get(app, "/bs/module/old/gallery.js").headers["cache-control"] == "no-store"
    for name in ("missing.js", "..%2f..%2fapp.py", "../../main.py", "gallery.py"):
        assert get(app, f"/bs/module/{assets.version()}/{name}").status == 404


def test_everything_else_below_the_prefix_is_nothing(app):
    assert get(app, "/bs/").status == 404
    assert get(app, "/bs/secret/../../etc/passwd").status == 404


def test_kinds_that_browsers_do_not_show_are_encoded_again(app, served):
    space = state.workspace()
    with space.database.read() as session:
        row = session.get(ImageRow, 2)
        name = row.path
    path = space.image(2).path
    before = path.read_bytes()
    assert name
    try:
        for mode, kind in (("CMYK", "JPEG"), ("RGBA", "PNG"), ("I;16", "PNG"), ("RGB", "TIFF"), ("RGB", "BMP")):
            out = io.BytesIO()
            Image.new(mode, (30, 20)).save(out, kind)
            path.write_bytes(out.getvalue())
            answer = get(app, "/bs/image/2")
            assert (picture(answer).format, picture(answer).mode, picture(answer).size) == ("JPEG", "RGB", (30, 20))
        for content in (
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            b"<html><script>1</script>",
            b"",
        ):
            path.write_bytes(content)
            answer = get(app, "/bs/image/2")
            assert answer.status == 422
            assert content not in answer.body or not content
            assert answer.headers["content-type"].startswith("text/plain")
    finally:
        path.write_bytes(before)


def test_every_route_asks_who_is_there(app, monkeypatch):
    from dashboard import access

    monkeypatch.setattr(access, "authorise", lambda request: None)
    for route in routes.table():
        path = route.path.replace("{image_id}", "1").replace("{run_id}", "2").replace("{rest:path}", "x")
        path = (
            path.replace("{key}", "k").replace("{block}", "0").replace("{version}", "v").replace("{name}", "gallery.js")
        )
        assert get(app, path).status == 403


def test_an_array_comes_as_its_bytes_and_only_by_its_key(app):
    key = BODIES.put(np.arange(5, dtype=np.float32), "test", "five")
    answer = get(app, f"/bs/body/{key}")
    assert answer.status == 200
    assert answer.body == np.arange(5, dtype=np.float32).tobytes()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-encoding"] == "identity"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert get(app, "/bs/body/00").status == 410
    assert get(app, "/bs/body/..%2f..%2fetc%2fpasswd").status in (404, 410)
    assert get(app, f"/bs/body/{key}", {"host": "evil.example"}).status == 403


def test_regions_are_described_by_rows_of_a_run(app, view):
    answer = get(app, "/bs/items/2?rows=0-2,5")
    items = json.loads(answer.body)["items"]
    assert [item["row"] for item in items] == [0, 1, 2, 5]
    assert items[0]["name"] == view.run.table["path"].iloc[0].rsplit("/", 1)[-1]
    assert any(line.startswith("score ") for line in items[0]["lines"])
    assert get(app, "/bs/items/99?rows=0").status == 404
    assert get(app, "/bs/items/2?rows=0-99999").status == 422
    assert get(app, "/bs/items/2?rows=<script>").status == 422
    assert get(app, "/bs/items/2?rows=0", {"host": "evil.example"}).status == 403


def test_a_picture_is_preprocessed_for_viewing_and_keeps_its_size(app):
    plain = get(app, "/bs/image/1")
    other = get(app, "/bs/image/1?steps=crop:0.5,gray-world,clahe:2")
    assert picture(other).size == (320, 180)
    assert other.body != plain.body
    assert other.headers["etag"] != plain.headers["etag"]
    refused = get(app, "/bs/image/1?steps=<script>")
    assert refused.status == 422
    assert refused.headers["content-type"].startswith("text/plain")


def test_a_report_is_shown_by_its_jobs_number_and_can_do_nothing(app, view):
    folder = view.workspace.root / "outputs"
    folder.mkdir(exist_ok=True)
    (folder / "000012-run1-report.html").write_text("<script>alert(1)</script>")
    (folder / "000013-other.html").write_text("no report")
    (folder / "000014-run1-report.html").symlink_to("/etc/hostname")
    try:
        answer = get(app, "/bs/report/12")
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert policy.endswith("sandbox")
        assert "script" not in policy
        for other in ("13", "14", "15", "0", "12-run1", "..%2fcatalogue.sqlite"):
            assert get(app, f"/bs/report/{other}").status == 404
        assert get(app, "/bs/report/12", {"host": "evil.example"}).status == 403
        assert report_routes.address(folder / "000012-run1-report.html") == "/bs/report/12"
        assert report_routes.address(folder / "000013-other.html") is None
    finally:
        shutil.rmtree(folder)


def test_what_goes_wrong_on_our_side_is_a_sentence_and_a_line_of_the_log(caplog):
    def broken(_request):
        raise ZeroDivisionError("of /secret/place")

    answer = get(Starlette(routes=[Route("/broken", guarded(broken))]), "/broken")
    text = answer.body.decode()
    assert answer.status == 500
    assert answer.headers["cache-control"] == "no-store"
    number = text.partition("report error ")[2].partition(":")[0]
    assert text.startswith("Nothing was lost.")
    assert "secret" not in text
    assert number in caplog.text
    assert "of /secret/place" in caplog.text
