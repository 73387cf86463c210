"""The house as the README draws it: who may import whom, how, and what `core` never touches."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"core.errors"}),
    frozenset({"core.processing"}),
    frozenset({"core.settings", "core.progress", "core.artefacts", "core.device"}),
    frozenset({"core.runs"}),
    frozenset({"core.images"}),
    frozenset({"core.embed", "core.neighbours"}),
    frozenset({"core.ood", "core.space", "core.evaluate"}),
    frozenset({"core.catalogue", "core.demo", "core.drift"}),
    frozenset({"core.workspace", "core.stages"}),
    frozenset({"core.review"}),
    frozenset({"core.learn"}),
    frozenset({"core.clusters"}),
    frozenset(
        {
            "core.explain",
            "core.export",
            "core.comparing",
            "core.doctor",
            "core.planning",
            "core.results",
            "core.between",
            "core.outlook",
        }
    ),
    frozenset({"core.publish", "core.relearning"}),
    frozenset({"core.pipeline", "core.assess"}),
    frozenset({"core.report"}),
    frozenset({"core.jobs"}),
    frozenset({"core.console", "core.serving", "core.showcase"}),
    frozenset({"core.commands"}),
    frozenset({"core.cli"}),
)
"""Rooms from the ground up; a room imports its own modules and rooms below."""
UPWARD = {
    ("core.catalogue", "core.workspace"),  # for its type alone
    ("core.embed", "core.demo"),  # the demo's network is one of the embedders, loaded when asked for
}
FRONT = ("streamlit", "plotly", "dashboard")
LIGHT_MODULES = ("core.cli", "core.errors", "core.settings", "core.runs", "core.console", "core.serving")
HEAVY = ("torch", "torchvision", "umap", "hdbscan", "sklearn", "pandas", "numba", "streamlit", "plotly", "sqlalchemy")
ACCELERATOR_ROOMS = ("core/embed", "core/neighbours", "core/ood", "core/images", "core/device.py")
NOT_ON_ACCELERATORS = ("umap", "hdbscan", "sqlalchemy", "alembic", "streamlit")


def modules(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "migrations/versions" not in path.as_posix())


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def imports_of(path: Path, *, top_level: bool = False) -> list[tuple[str, int]]:
    """Absolute names imported, with line numbers; with ``top_level`` only what runs on import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    found: list[tuple[str, int]] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            found.append((node.module or "", node.lineno))
    return found


def test_every_room_of_core_has_a_layer():
    rooms = {room_of(name_of(path)) for path in modules("core")} - {"core"}
    assert rooms == set().union(*LAYERS)


@pytest.mark.parametrize("path", modules("core"), ids=name_of)
def test_data_flows_one_way(path):
    level = {room: index for index, rooms in enumerate(LAYERS) for room in rooms}
    here = room_of(name_of(path))
    for imported, line in imports_of(path):
        if not imported.startswith("core.") or here == "core":
            continue
        there = room_of(imported)
        allowed = there == here or level[there] < level[here] or (here, there) in UPWARD
        assert allowed, f"{path.relative_to(ROOT)}:{line}: {here} may not import {there}"


@pytest.mark.parametrize("folder", ["core", "dashboard", "tests", "benchmarks"])
def test_imports_are_absolute(folder):
    for path in modules(folder):
        own = {item.stem for item in path.parent.glob("*.py")}
        for imported, line in imports_of(path):
            first = imported.split(".")[0]
            is_sibling = first in own and first not in sys.stdlib_module_names and path.parent != ROOT
            assert not is_sibling or first == path.relative_to(ROOT).parts[0], f"{path}:{line} imports {imported}"


def test_core_never_mentions_the_front_end_in_an_import():
    for path in modules("core"):
        for imported, line in imports_of(path):
            assert imported.split(".")[0] not in FRONT, f"{path.relative_to(ROOT)}:{line} imports {imported}"


def test_importing_all_of_core_loads_no_front_end():
    names = [name_of(path) for path in modules("core") if "migrations" not in path.as_posix()]
    code = (
        "import importlib, json, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(json.dumps([name for name in {FRONT!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_the_command_line_starts_without_heavy_libraries():
    code = (
        "import importlib, json, sys\n"
        f"for name in {LIGHT_MODULES!r}: importlib.import_module(name)\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == []


def test_the_accelerator_path_needs_no_optional_library():
    for room in ACCELERATOR_ROOMS:
        paths = modules(room) if not room.endswith(".py") else [ROOT / room]
        for path in paths:
            for imported, line in imports_of(path):
                first = imported.split(".")[0]
                assert first not in NOT_ON_ACCELERATORS, f"{path.relative_to(ROOT)}:{line} imports {imported}"


@pytest.mark.parametrize(
    "package", sorted({path.parent for path in modules("core") if path.name == "__init__.py"}), ids=str
)
def test_packages_open_with_a_docstring_and_a_sorted_public_surface(package):
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    if "migrations" not in package.as_posix():
        assert ast.get_docstring(tree), f"{package} says nothing of itself"
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = ast.literal_eval(node.value)
            assert names == sorted(names)


def test_no_module_is_longer_than_its_idea():
    long = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules("core") + modules("dashboard")
    }
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
