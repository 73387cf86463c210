"""The documents agree with the code: commands, options, pages, glossary, drawing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from core.cli import app
from dashboard import explained
from dashboard.shell import PAGES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands


def code_blocks(text: str) -> list[str]:
    return re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)


def test_the_two_commands_come_first():
    first = code_blocks(README)[0]
    assert re.findall(r"^make (\w+)", first, re.MULTILINE) == ["demo", "test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_table_of_commands_is_complete():
    assert set(re.findall(r"^\| `benthoscope ([\w-]+)` \|", README, re.MULTILINE)) == set(COMMANDS)


def test_the_table_of_pages_is_the_navigation():
    table = README.split("## Pages")[1].split("## ")[0]
    listed = re.findall(r"^\| (?!page |---)([^|]+?) \|", table, re.MULTILINE)
    assert listed == [title for pages in PAGES.values() for title, *_ in pages]


def test_the_help_page_has_the_glossary_of_the_readme():
    table = README.split("## Glossary")[1].split("## ")[0]
    rows = re.findall(r"^\| (?!word )([^|]+?) \| ([^|]+?) \|$", table, re.MULTILINE)
    assert [(word, meaning.replace("`", "")) for word, meaning in rows] == list(explained.GLOSSARY)


@pytest.mark.parametrize(
    "line", [line for block in code_blocks(README) for line in block.splitlines() if line.startswith("benthoscope ")]
)
def test_every_command_line_in_the_readme_parses(line):
    words = re.findall(r'"[^"]*"|\S+', line)[1:]
    command = COMMANDS[words[0]]
    command.make_context(words[0], [word.strip('"') for word in words[1:]], resilient_parsing=False)


def test_every_option_named_in_the_readme_exists():
    known = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}
    known |= {option for command in COMMANDS.values() for p in command.params for option in p.secondary_opts}
    known |= {"--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - known == set()


def test_every_command_takes_json_and_workspace():
    for name, command in COMMANDS.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--json", "--workspace"} <= options, name


def test_every_command_and_option_explains_itself():
    for name, command in COMMANDS.items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_the_drawing_shows_what_is_there():
    drawing = README.split("## Architecture")[1].split("## Glossary")[0]
    for name in re.findall(r"\b([a-z_]+\.py)\b", drawing):
        assert list(ROOT.glob(f"**/{name}")), f"the README draws {name}"
    drawn = set(re.findall(r"^      ([a-z_]+)/", drawing, re.MULTILINE)) | {"dashboard"}
    rooms = {path.parent.name for path in (ROOT / "core").glob("*/__init__.py")}
    assert rooms <= drawn


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {project['version']}" in changelog
    assert project["requires-python"] == ">=3.11"
    assert "Python 3.11 or newer" in README


def test_every_dependency_is_pinned_without_an_address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in pins
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in pins.splitlines() if "==" in line}
    wanted = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    for requirement in wanted:
        name = re.split(r"[<>=\[; ]", requirement)[0].lower().replace("_", "-")
        assert name in pinned, f"{name} has no pin in constraints.txt"
