"""Why-maps of the dashboard: what the routes give and refuse, how maps lie over pictures, and what is said of them."""

from __future__ import annotations

import io
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware

from core.embed.geometry import InputGeometry
from core.errors import ModelError
from core.explain import regions
from core.explain.maps import WhyMap
from core.explain.regions import MapBatch
from dashboard import routes, slots, why
from dashboard.access import HostGuard
from tests.dashboard.asgi import get

FAMILIAR, STRANGE = (33, 102, 172), (230, 97, 1)


def made(row: int, kind: str = "ood-centred") -> WhyMap:
    """Left half more familiar, right half stranger, over all of a picture of 320 by 180."""
    cells = np.repeat(np.array([[-0.001] * 8 + [0.001] * 8], np.float32), 9, axis=0)
    geometry = InputGeometry(320, 180, 0.0, 0.0, 320.0, 180.0, 320, 180, 0, 0, 320, 180)
    return WhyMap(kind, "usual", row, cells, geometry, 0.0, 0.1234, 0.1234, True, "exact")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The rows of each call to the core, which answers with `made`; row 5 cannot be explained."""
    calls: list[list[int]] = []

    def explain(run, workspace, rows, *, kind):
        calls.append(list(rows))
        maps = tuple(None if row == 5 else made(row, kind) for row in rows)
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
    shown = why._coloured(part.pixels(), 0.001)
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
        "why/2/0/class",
        "why/2/0/ood-centred2",
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
        "whys/2/match?rows=0",
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
    assert [layer.name for layer in found] == ["what makes it strange", "where the score sits"]
    assert found[0].url.startswith(f"/bs/why/{view.run.id}/3/ood-centred?of=")
    view.run.table.loc[3, "ood_score"] = np.nan
    assert [layer for make in slots.LAYERS for layer in make(view, 3)] == []


def test_the_legend_says_what_the_cells_add_up_to_and_how_far_it_may_be_believed():
    exact = replace(made(0), kind="ood", total=0.1234)
    assert "Exact: the cells add up to the score 0.123." in why.legend(exact)
    assert "approximation" in why.legend(replace(exact, exact=False))
    assert "The run stored" not in why.legend(exact)
    assert "The run stored 0.200" in why.legend(replace(exact, stored_score=0.2))
