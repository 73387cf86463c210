"""Every guard of `docs/security.md` taken away once: the test of its attack has to notice.

For each attack stands here how its guard is broken. The attack's own test is then run as it is; that it fails is asked
for. A test that would pass with its guard gone proves nothing, and this says so.
"""

from __future__ import annotations

import inspect
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from core.errors import WorkspaceError
from core.publish import reopening
from dashboard import access, answers, parts, posting, reopened, review_routes, reviewing, routes, state, why_routes
from tests import test_no_way_in as attacks
from tests.test_no_way_in import app, original, space  # noqa: F401  # fixtures of the attacks

Breaking = Callable[[pytest.MonkeyPatch, Path], None]


def unresolved(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr("core.images.files.within", lambda root, path: root / path)


def every_name_is_a_file(patch: pytest.MonkeyPatch, _: Path) -> None:
    def trusting(source: Path, options: Any) -> SimpleNamespace:
        names = [line.partition(",")[0] for line in source.read_text().splitlines()[1:]]
        return SimpleNamespace(records=[SimpleNamespace(absent=not (options.images / name).exists()) for name in names])

    patch.setattr(attacks, "read", trusting)


def anywhere(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(Path, "is_relative_to", lambda self, other: True)


def unpickled(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr("core.embed.weights.read_weights", lambda path: pickle.loads(path.read_bytes()))


def words_in_statements(patch: pytest.MonkeyPatch, _: Path) -> None:
    def naive(database: Any, act: Any, *, now: Any) -> None:
        with database.engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            raw.executescript(f"update decisions set note = '{act.note}' where actor = '{act.actor}'")

    patch.setattr(attacks, "decide", naive)


def evaluated(patch: pytest.MonkeyPatch, _: Path) -> None:
    parse = attacks.parse
    patch.setattr(attacks, "parse", lambda text: parse(f"depth_m<{-abs(eval(text))}"))


def unescaped(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(parts, "escape", lambda text: text)


def cells_are_html(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(reopened, "escape", lambda text: text)


def any_length(patch: pytest.MonkeyPatch, _: Path) -> None:
    reopen = reopening.reopen

    def without_limit(data: bytes, name: str) -> Any:
        patch.setattr(reopening, "LARGEST", 10**12)
        return reopen(data, name)

    patch.setattr(reopening, "reopen", without_limit)


def with_code(name: str, code: str) -> Breaking:
    """A tree of sources in which one file holds `code`."""

    def breaking(patch: pytest.MonkeyPatch, folder: Path) -> None:
        for place in ("core", "dashboard/components"):
            (folder / "tree" / place).mkdir(parents=True)
        (folder / "tree" / name).write_text(code)
        patch.setattr(attacks, "ROOT", folder / "tree")

    return breaking


def formulas(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr("core.export.neutralise", lambda cell: cell)


def trusting_weights(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(attacks, "read_weights", lambda path: pickle.loads(path.read_bytes()))


def trusting_arrays(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr("core.artefacts.open_array", lambda path: np.load(path, allow_pickle=True))


def without_counting_pixels(patch: pytest.MonkeyPatch, _: Path) -> None:
    from PIL.ImageFile import ImageFile

    from core.images import decode

    def load(self: Any) -> None:
        raise OSError("ten gigabytes were about to be unpacked")

    patch.setattr(ImageFile, "load", load)
    patch.setattr(attacks, "open_image", lambda data: decode.open_image(data, max_pixels=10**12))


def plain_yaml(patch: pytest.MonkeyPatch, _: Path) -> None:
    import yaml

    def loose(text: str, name: str) -> Any:
        return yaml.load(text if len(text) < 60 else "a: &a [x]\nb: *a", Loader=yaml.UnsafeLoader)

    patch.setattr(attacks, "parse_yaml", loose)


def any_host(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(access, "host_allowed", lambda header: True)


def any_origin(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(posting, "from_our_page", lambda request: True)


def unlimited(patch: pytest.MonkeyPatch, _: Path) -> None:
    async def everything(request: Any) -> Any:
        return json.loads((await request.body()).strip() or b"{}")

    patch.setattr(posting, "_body", everything)


def default_server(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(attacks, "server_command", lambda script, port: ["streamlit", "--server.maxUploadSize=5000"])


def any_number_is_the_first(patch: pytest.MonkeyPatch, _: Path) -> None:
    for module in (answers, routes, why_routes):
        patch.setattr(module, "number", lambda request, name: 1, raising=False)


def names_are_paths(patch: pytest.MonkeyPatch, _: Path) -> None:
    def file(request: Any) -> PlainTextResponse:
        return PlainTextResponse(os.path.normpath(request.path_params["name"]))

    table = routes.table
    patch.setattr(routes, "table", lambda: [Route("/bs/file/{name:path}", access.guarded(file)), *table()])


def an_open_route(patch: pytest.MonkeyPatch, _: Path) -> None:
    table = routes.table
    patch.setattr(routes, "table", lambda: [*table(), Route("/bs/open/{name}", lambda request: PlainTextResponse("x"))])


def unguarded(patch: pytest.MonkeyPatch, _: Path) -> None:
    def table(base: str) -> list[Route]:
        return [Route(f"{base}/concepts/{{run_id}}", review_routes.concept_names)]

    patch.setattr(review_routes, "table", table)


def tells_where(patch: pytest.MonkeyPatch, _: Path) -> None:
    item = reviewing.item
    patch.setattr(reviewing, "item", lambda there, *rest: item(there, *rest) | {"file": str(there.root)})


def tells_in_refusals(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(posting, "refusal", lambda status, text: access.refusal(status, f"{state.workspace().root}: {text}"))


BROKEN: dict[str, list[tuple[Breaking, dict[str, Any]]]] = {
    "test_a_link_out_of_the_folder_is_no_picture": [(unresolved, {})],
    "test_a_path_in_the_catalogue_that_leads_out_is_no_picture": [(unresolved, {"path": "/etc/passwd"})],
    "test_a_table_cannot_name_a_file_outside_its_folder": [(every_name_is_a_file, {})],
    "test_an_export_writes_nothing_outside_its_folder": [(anywhere, {"name": "../outside.txt"})],
    "test_words_that_are_sql_are_words": [(words_in_statements, {})],
    "test_a_condition_executes_nothing": [(evaluated, {"text": "__import__('os').system('touch x')"})],
    "test_names_and_labels_are_text_on_pages": [(unescaped, {})],
    "test_a_reopened_table_shows_words_as_words": [(cells_are_html, {})],
    "test_a_reopened_file_has_a_limit": [(any_length, {})],
    "test_no_component_makes_html_of_text": [(with_code("dashboard/components/x.js", "a.innerHTML = name"), {})],
    "test_no_cell_of_an_export_runs_in_a_spreadsheet": [(formulas, {"cell": "=1+1"})],
    "test_weights_that_carry_code_do_not_run": [(trusting_weights, {"ending": ".pth"})],
    "test_weights_that_are_sent_with_code_are_not_kept": [(unpickled, {})],
    "test_no_file_outside_the_allowed_folders_is_chosen": [(anywhere, {})],
    "test_arrays_that_carry_code_do_not_run": [(trusting_arrays, {})],
    "test_core_and_dashboard_never_unpickle": [
        (with_code("core/x.py", "pickle.loads(data)"), {}),
        (with_code("core/x.py", "eval(text)"), {}),
    ],
    "test_a_decompression_bomb_is_refused_by_its_header": [(without_counting_pixels, {})],
    "test_yaml_makes_no_objects_and_grows_no_aliases": [(plain_yaml, {})],
    "test_a_forged_host_reads_nothing": [(any_host, {"host": "evil.example", "path": "/bs/concepts/2"})],
    "test_a_page_elsewhere_writes_nothing": [(any_origin, {"forged": {"origin": "http://evil.example"}})],
    "test_a_body_over_the_limit_is_not_read": [(unlimited, {})],
    "test_uploads_are_limited_by_the_server": [(default_server, {})],
    "test_no_route_gives_anything_for_a_guess": [(any_number_is_the_first, {}), (names_are_paths, {})],
    "test_every_route_is_guarded": [(an_open_route, {}), (unguarded, {})],
    "test_no_answer_tells_where_the_workspace_lies": [(tells_where, {}), (tells_in_refusals, {})],
}
NOTICED_AS = {"test_words_that_are_sql_are_words": (WorkspaceError,)}  # the table is gone: "no such table"
CASES = [(name, breaking, given) for name, ways in BROKEN.items() for breaking, given in ways]


def test_every_attack_has_its_guard_broken():
    there = {name for name in vars(attacks) if name.startswith("test_")}
    assert set(BROKEN) == there - {"test_the_page_names_every_attack_and_every_attack_is_tested"}


@pytest.mark.parametrize(
    ("name", "breaking", "given"), CASES, ids=[f"{name}-{breaking.__name__}" for name, breaking, _ in CASES]
)
def test_an_attack_is_noticed_when_its_guard_is_gone(name, breaking, given, request, tmp_path, monkeypatch):
    attack = getattr(attacks, name)
    wanted = [argument for argument in inspect.signature(attack).parameters if argument not in given]
    arguments = {argument: request.getfixturevalue(argument) for argument in wanted if argument != "app"} | given
    breaking(monkeypatch, tmp_path)
    if "app" in wanted:
        arguments["app"] = request.getfixturevalue("app")  # its routes are those that are there now
    # Only what the attack's own test says counts: a broken breaking is no notice.
    with pytest.raises((AssertionError, pytest.fail.Exception, *NOTICED_AS.get(name, ()))):
        attack(**arguments)
