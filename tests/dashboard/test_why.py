"""Why-maps of the dashboard: what the routes give and refuse, how maps lie over pictures, and what is said of them."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from streamlit.testing.v1 import AppTest

from core.embed.geometry import InputGeometry
from core.errors import ModelError, SettingsError
from core.explain import regions
from core.explain.check import COLUMNS, MEASURES, Check
from core.explain.maps import MapSettings, TopFeature, WhyMap
from core.explain.regions import MapBatch, MatchView
from dashboard import believing, gallery, routes, slots, why, why_facts, why_words
from dashboard.access import HostGuard
from tests.dashboard.asgi import get

FAMILIAR, STRANGE = (33, 102, 172), (230, 97, 1)


def made(row: int, kind: str = "ood-centred", **facts) -> WhyMap:
    """Left half more familiar, right half stranger, over all of a picture of 320 by 180."""
    cells = np.repeat(np.array([[-0.001] * 8 + [0.001] * 8], np.float32), 9, axis=0)
    geometry = InputGeometry(320, 180, 0.0, 0.0, 320.0, 180.0, 320, 180, 0, 0, 320, 180)
    return WhyMap(kind, "usual", row, cells, geometry, 0.0, 0.1234, 0.1234, True, "exact", **facts)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The rows of each call to the core, which answers with `made`; row 5 cannot be explained."""
    calls: list[list[int]] = []

    def explain(run, workspace, rows, *, settings, others, progress=None):
        calls.append(list(rows))
        if progress is not None:
            progress(3, 7)
            assert why.progress(run) == (3, 7)
        top = (TopFeature(17, 0.0617, np.eye(4, dtype=np.float32), (2, 1)),) if settings.kind == "ood-features" else ()
        maps = tuple(
            None if row == 5 else made(row, settings.kind, detector=settings.detector, other=other, features=top)
            for row, other in zip(rows, others, strict=True)
        )
        failures = {place: "the image is not there" for place, row in enumerate(rows) if row == 5}
        return MapBatch(maps, failures, len(rows))

    monkeypatch.setattr(regions, "explain_regions", explain)
    return calls


@pytest.fixture
def app(served) -> Starlette:
    return Starlette(routes=routes.table(), middleware=[Middleware(HostGuard)])


def pixels(answer) -> np.ndarray:
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    picture = Image.open(io.BytesIO(answer.body))
    assert picture.mode == "RGBA"
    return np.asarray(picture)


def test_a_layer_lies_over_the_whole_frame_and_says_what_it_means(app, asked):
    answer = get(app, "/bs/why/2/3/ood-centred")
    shown = pixels(answer)
    assert shown.shape == (180, 320, 4)
    assert tuple(shown[90, 5]) == (*FAMILIAR, 255)
    assert tuple(shown[90, -5]) == (*STRANGE, 255)
    assert shown[:, 158:162, 3].max() < 40  # 0 in the middle is transparent
    assert "together they add up to 0" in unquote(answer.headers["benthoscope-legend"])
    assert "0.123" in unquote(answer.headers["benthoscope-legend"])
    assert asked == [[3]]
    again = get(app, "/bs/why/2/3/ood-centred", {"if-none-match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_what_the_network_did_not_see_is_transparent():
    whole = made(0)
    part = replace(whole, geometry=replace(whole.geometry, left=160.0, width=160.0))
    shown = why.coloured(part.pixels(), 0.001)
    assert not shown[:, :160, 3].any()
    assert shown[:, 160:, 3].any()


def test_a_sprite_is_one_batch_with_a_tile_for_each_row(app, asked):
    shown = pixels(get(app, "/bs/whys/2/ood-centred?rows=0-11,5&tile=128"))
    assert asked == [[*range(12), 5]]
    assert shown.shape == (256, 1280, 4)
    first = shown[:128, :128]
    assert not first[:27, :, 3].any()  # above a wide picture in the middle of its tile
    assert tuple(first[64, 4, :3]) == FAMILIAR or first[64, 4, 2] > first[64, 4, 0]
    assert first[64, -5, 0] > first[64, -5, 2]
    assert not shown[:128, 640:768].any()  # row 5 has no map
    assert not shown[128:, 384:].any()


@pytest.mark.parametrize(
    "target",
    [
        "why/2/0/ood-centred2",
        "why/2/0/ood-centred?detector=lof",
        "why/2/0/ood-centred?detector=../x",
        "why/2/0/ood?grid=larger",
        "why/2/0/ood-novel?grid=tiles",
        "whys/2/ood-centred?rows=0&grid=larger",
        "why-crop/2/0/strange?detector=lof",
        "why-feature/2/0/0?detector=lof",
        "why-facts/2/0?detector=../x",
        "why/2/0/class?class=x",
        "why/2/0/ood?class=1",
        "why/2/0/ood?with=1",
        "why/2/0/match?with=96",
        "why/2/0/match?with=-1",
        "why/2/0/ood?as=exe",
        "why-crop/2/0/other",
        "why-crop/2/96/strange",
        "why-feature/2/0/x",
        "why-facts/2/96",
        "why-progress/99",
        "match/2/0/96",
        "match/2/0/x",
        "why/2/96/ood",
        "why/2/-1/ood",
        "why/2/00x/ood",
        "why/2/%2e%2e/ood",
        "why/2/99999999999999999999/ood",
        "why/99/0/ood",
        "why/0/0/ood",
        "why/x/0/ood",
        "why/2/0",
        "whys/99/ood?rows=0",
        "whys/2/class?rows=0",
        "whys/2/match?rows=0&with=96",
        "whys/2/ood?rows=0&tile=100",
    ],
)
def test_nothing_but_known_runs_rows_and_kinds_has_a_map(app, asked, target):
    answer = get(app, f"/bs/{target}")
    assert (answer.status, answer.body) == (404, b"there is nothing here")
    assert asked == []


@pytest.mark.parametrize("rows", ["", "a", "0-96", "0-40", "5-2"])
def test_rows_that_make_no_sense_or_are_too_many_are_refused_in_a_sentence(app, asked, rows):
    answer = get(app, f"/bs/whys/2/ood-centred?rows={rows}")
    assert answer.status == 422
    assert answer.headers["content-type"].startswith("text/plain")
    assert asked == []


@pytest.mark.parametrize("target", ["/bs/why/2/0/ood", "/bs/whys/2/ood?rows=0"])
def test_a_forged_host_gets_no_map(app, asked, target):
    assert get(app, target, {"host": "evil.example"}).status == 403
    assert asked == []


@pytest.mark.parametrize("target", ["/bs/why/2/5/ood", "/bs/whys/2/ood?rows=5"])
def test_a_region_that_cannot_be_explained_is_one_sentence(app, asked, target):
    answer = get(app, target)
    assert (answer.status, answer.body) == (422, b"the image is not there")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("target", ["/bs/why/2/0/ood", "/bs/whys/2/ood?rows=0"])
def test_weights_that_no_longer_fit_are_one_sentence(app, monkeypatch, target):
    def refuse(*_, **__):
        raise ModelError("the weights are not those of the run")

    monkeypatch.setattr(regions, "explain_regions", refuse)
    answer = get(app, target)
    assert (answer.status, answer.body) == (422, b"the weights are not those of the run")


def test_the_panel_is_offered_layers_by_address(view):
    found = [layer for make in slots.LAYERS for layer in make(view, 3)]
    names = [layer.name for layer in found]
    assert names[:3] == ["what makes it strange", "where the score sits", "what the reference never shows"]
    assert len(set(names)) == len(names)
    assert found[0].url.startswith(f"/bs/why/{view.run.id}/3/ood-centred?of=")
    view.run.table.loc[3, "ood_score"] = np.nan
    assert [layer for make in slots.LAYERS for layer in make(view, 3)] == []


def test_the_legend_says_what_the_cells_add_up_to_and_how_far_it_may_be_believed():
    exact = replace(made(0), kind="ood", total=0.1234)
    assert "Exact: the cells add up to the score 0.123." in why_words.legend(exact)
    assert "approximation" in why_words.legend(replace(exact, exact=False))
    assert "The run stored" not in why_words.legend(exact)
    assert "The run stored 0.200" in why_words.legend(replace(exact, stored_score=0.2))


def test_a_detector_of_the_run_has_a_layer_of_its_own(view, app, asked):
    view.run.table["lof_score"] = 1.0
    view.run.manifest["detectors"] = {"lof": {}}
    found = [layer for layer in why.layers(view, 3) if "local outlier factor" in layer.name]
    assert len(found) == 1
    assert "detector=lof" in found[0].url
    assert why.wanted(view.run, "ood-centred", {"detector": "lof"}) == why.Wanted("ood-centred", "lof")
    assert why.wanted(view.run, "ood-novel", {"detector": "lof"}) is None


def test_a_map_can_be_taken_home_as_picture_cells_and_boxes(app, asked, monkeypatch):
    monkeypatch.setattr("dashboard.why_files._picture", lambda *_: Image.new("RGB", (320, 180)))
    picture = get(app, "/bs/why/2/3/ood-centred?as=overlay")
    assert picture.headers["content-disposition"].startswith("attachment; filename=")
    assert picture.headers["content-disposition"].endswith('-ood-centred.png"')
    assert Image.open(io.BytesIO(picture.body)).size[0] == 320
    cells = np.load(io.BytesIO(get(app, "/bs/why/2/3/ood-centred?as=map").body), allow_pickle=False)
    assert (cells.dtype, cells.shape) == (np.float32, (9, 16))
    np.testing.assert_array_equal(cells, made(3).cells)
    boxes = json.loads(get(app, "/bs/why/2/3/ood-centred?as=boxes").body)
    assert boxes["images"][0]["width"] == 320
    (found,) = boxes["annotations"]
    assert found["bbox"][0] > 150  # the stranger half
    assert found["bbox"][0] + found["bbox"][2] == 320


def test_crops_show_the_strangest_and_the_most_familiar_place(app, asked, monkeypatch):
    halves = Image.new("RGB", (320, 180), (0, 0, 200))
    halves.paste((200, 100, 0), (160, 0, 320, 180))
    monkeypatch.setattr("dashboard.why_files._picture", lambda *_: halves)
    for end, orange in (("strange", True), ("familiar", False)):
        answer = get(app, f"/bs/why-crop/2/3/{end}")
        assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
        red, _, blue = Image.open(io.BytesIO(answer.body)).convert("RGB").resize((1, 1)).getpixel((0, 0))
        assert (red > blue) == orange


def test_facts_name_features_with_their_share_and_pictures(app, asked, monkeypatch):
    monkeypatch.setattr("core.explain.guesses.guess_classes", lambda *_: [(4, "<b>crab")])
    answer = get(app, "/bs/why-facts/2/3")
    facts = json.loads(answer.body)
    assert [crop["title"] for crop in facts["crops"]] == ["What makes it strange", "What is familiar"]
    (feature,) = facts["features"]
    assert feature["name"] == "feature 17"
    assert feature["text"] == "adds 50 % of the score"
    assert [other["row"] for other in feature["typical"]] == [2, 1]
    assert facts["classes"] == [{"name": "<b>crab", "url": facts["classes"][0]["url"]}]
    assert "class=4" in facts["classes"][0]["url"]
    shown = pixels(get(app, "/bs/why-feature/2/3/0"))
    assert shown[..., 3].max() == 255
    assert get(app, "/bs/why-feature/2/3/1").status == 422


def test_a_closer_look_is_a_layer_of_its_own(app, view, asked, monkeypatch):
    grids = []
    monkeypatch.setattr(why.Wanted, "settings", lambda one, run: grids.append(one.grid) or MapSettings(one.kind))
    closer = next(layer for layer in why.layers(view, 3) if layer.name.endswith("seen closer"))
    pixels(get(app, closer.url))
    pixels(get(app, closer.url.replace("&grid=larger", "")))
    assert grids == ["larger", "usual"]


def test_crops_features_and_galleries_follow_the_detector(app, view, asked, monkeypatch):
    monkeypatch.setattr(why, "detectors", lambda run: ["knn", "mahalanobis", "lof"])
    monkeypatch.setattr("core.explain.guesses.guess_classes", lambda *_: [])
    facts = json.loads(get(app, "/bs/why-facts/2/3?detector=mahalanobis").body)
    assert all("detector=mahalanobis" in crop["source"] for crop in facts["crops"])
    assert facts["crops"][0]["text"].endswith("by Mahalanobis distance")
    assert "detector=mahalanobis" in facts["features"][0]["map"]
    assert get(app, facts["features"][0]["map"]).status == 200
    own, other, none = (gallery.why_overlay(view.run, name) for name in ("knn", "lof", "energy"))
    assert "detector" not in own.url
    assert "detector=lof" in other.url
    assert other.meaning.endswith("(approximate, by gradient)")
    assert "detector" not in none.url
    assert "this detector has no maps" in none.meaning


def test_what_cannot_be_told_is_a_sentence_beside_the_rest(app, asked, monkeypatch):
    def refuse(*_):
        raise ModelError("the weights hold no head")

    monkeypatch.setattr("core.explain.guesses.guess_classes", refuse)
    facts = json.loads(get(app, "/bs/why-facts/2/3").body)
    assert facts["classes"] == "the weights hold no head"
    assert len(facts["crops"]) == 2


def test_a_match_comes_with_its_pairs_and_where_its_cells_lie(app, view, monkeypatch):
    chooser = np.random.default_rng(0)
    pairs = chooser.random((2, 3, 1, 4)).astype(np.float32)
    seen = made(0).geometry
    found = MatchView(pairs, pairs.sum((2, 3)), pairs.sum((0, 1)), float(pairs.sum()), seen, seen)
    monkeypatch.setattr(regions, "match_regions", lambda run, space, row, other: found)
    answer = json.loads(get(app, "/bs/match/2/3/7").body)
    sent = np.frombuffer(base64.b64decode(answer["pairs"]), "<f4").reshape(pairs.shape)
    np.testing.assert_array_equal(sent, pairs)
    assert answer["total"] == pytest.approx(float(sent.sum()), rel=1e-6)
    first = answer["first"]
    assert (first["rows"], first["columns"], first["left"], first["top"]) == (2, 3, 0, 0)
    assert first["across"] * first["columns"] == pytest.approx(320)
    assert first["down"] * first["rows"] == pytest.approx(180)
    assert answer["second"]["row"] == 7


def test_matches_are_laid_over_the_near_pictures_on_one_scale(app, asked):
    assert pixels(get(app, "/bs/whys/2/match?rows=0-3&with=9&tile=128")).shape == (128, 1280, 4)
    assert asked == [[0, 1, 2, 3]]


def test_nobody_waits_for_a_map_that_nobody_asked_for(app):
    answer = get(app, "/bs/why-progress/2")
    assert (answer.status, json.loads(answer.body)) == (200, {})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ood-novel", "newer than 95 %"),
        ("ood-features", "do not add up"),
        ("class", "does not say how sure"),
        ("embedding", "vector rests on"),
        ("match", "their similarity"),
    ],
)
def test_every_kind_says_what_its_colours_mean(kind, words):
    assert words in why_words.legend(made(0, kind, concept="crab"))


def test_near_pictures_are_those_of_the_score(view):
    near = why_facts.nearest(view.run, 3)
    assert [one["row"] for one in near] == [int(row) for row in view.run.graph_reference.indices[3][:8] if row >= 0]
    assert all("distance" in one["distance"] for one in near)


def checked(lead: float) -> Check:
    """A check in which the centred map's lead over the centre blob is given, in all measures but completeness."""
    rows = []
    for measure in MEASURES:
        for method, ahead in (("centred", lead), ("centre blob", 0.0)):
            values = {"mean": 0.5 + ahead, "low": 0.4 + ahead, "high": 0.6 + ahead, "images": 9, "groups": 4}
            near = {"lead": ahead, "lead_low": ahead - 0.1, "lead_high": ahead + 0.1, "over": "centre blob"}
            rows.append({"measure": measure, "method": method, "concept": "", **values, **near})
    return Check(pd.DataFrame(rows, columns=list(COLUMNS)), "places of 2 concepts", ["novel: one group"])


def page_of(check: Check | None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr("core.explain.check.largest_kept", lambda *_: check)
    believing._kept.clear()

    def script() -> None:
        from dashboard import believing, state
        from dashboard.theme import theme_for

        space = state.workspace()
        runs = tuple(space.runs())
        believing.section(state.View(space, runs, state.open_run(space, runs[0]), theme_for("light", None)))

    return AppTest.from_function(script, default_timeout=240).run()


def words_of(page: AppTest) -> str:
    assert not page.exception
    return " ".join(str(getattr(one, "value", None) or one.proto) for one in [*page.markdown, *page.get("html")])


def test_help_says_by_how_much_maps_lead_and_where_they_lose(served, monkeypatch):
    ahead = words_of(page_of(checked(0.25), monkeypatch))
    assert "+25 points ahead of centre blob" in ahead
    assert "does not beat" not in ahead
    assert "novel: one group" in ahead.lower()
    behind = words_of(page_of(checked(-0.25), monkeypatch))
    assert "does not beat centre blob" in behind
    assert "does not surely beat" in words_of(page_of(checked(0.05), monkeypatch))


def test_help_offers_to_measure_what_was_not_measured(served, monkeypatch):
    page = page_of(None, monkeypatch)
    assert "benthoscope explain-check" in words_of(page)
    asked = []

    def measure(run, space, *, limit, progress):
        asked.append(limit)
        progress(1, 2)
        raise SettingsError("no target region has an annotation with a place")

    monkeypatch.setattr("core.explain.check.check_maps", measure)
    page.button[0].click().run()
    assert asked == [60]
    assert "No target region has an annotation" in words_of(page)
