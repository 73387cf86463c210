"""A label set as a forest, and the key table that gives codes their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from core.catalogue.formats.columns import normalise
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.quantities import is_missing
from core.catalogue.formats.report import Report, shown
from core.catalogue.formats.sheet import Sheet
from core.catalogue.records import ConceptRecord
from core.errors import FormatError

_NAMES = ("name", "labelname", "conceptname", "categoryname", "scientificname", "concept", "label", "category", "title")
_CODES = ("id", "code", "label", "labelid", "conceptid", "categoryid", "labelcode", "key", "number", "short", "class")
_PARENTS = ("supercat", "supercategory", "parent", "parentname", "group")
_RANKS = ("rank", "taxonrank")
_APHIA = ("aphiaid", "worms", "wormsid", "wormsaphiaid")


@dataclass(frozen=True)
class LabelKey:
    """Codes and what they mean.

    Attributes:
        by_code: Code, as tables write it → name.
        concepts: One a row of the key, in its order, without parents of their own.
    """

    by_code: Mapping[str, str]
    concepts: tuple[ConceptRecord, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """All names."""
        return frozenset(concept.name for concept in self.concepts)

    def name_of(self, label: str) -> str | None:
        """The name that a cell's label means: a code, the same number written otherwise, or a name itself."""
        found = self.by_code.get(label)
        if found is None:
            found = self.by_code.get(plain_code(label))
        if found is None and label in self.names:
            found = label
        return found


def plain_code(code: str) -> str:
    """``1.0`` and ``01`` → ``1``; anything else as it is."""
    whole, point, rest = code.strip().partition(".")
    if whole.isascii() and whole.isdigit() and (not point or not rest.strip("0")):
        return whole.lstrip("0") or "0"
    return code


def load_key(path: Path, report: Report) -> LabelKey:
    """Read a table of codes and names (``id,name``, ``label,label_name``), with ``supercat`` where it has one.

    Raises:
        FormatError: it cannot be read, or no two columns can be code and name.
    """
    sheet = load_sheet(path, report)
    normal = [normalise(name) for name in sheet.header]
    name_at = _first(normal, _NAMES, None)
    code_at = _first(normal, _CODES, name_at)
    if name_at is not None and code_at is None and len(normal) == 2:
        code_at = 1 - name_at
    if name_at is None and len(normal) >= 2:
        code_at = 0 if code_at is None else code_at
        name_at = next(at for at in range(len(normal)) if at != code_at)
    if name_at is None or code_at is None:
        raise FormatError(f"{sheet.name} gives codes no names: columns such as id and name were expected")
    report.note(f"{sheet.name}: {sheet.header[code_at]} is the code, {sheet.header[name_at]} the name.")
    parent_at, rank_at = _first(normal, _PARENTS, name_at), _first(normal, _RANKS, name_at)
    aphia_at = _first(normal, _APHIA, code_at)
    by_code: dict[str, str] = {}
    concepts: list[ConceptRecord] = []
    for index, row in enumerate(sheet.rows):
        code, name = row[code_at].strip(), row[name_at].strip()
        where = f"{sheet.name} {sheet.where(index)}"
        if not code or not name:
            report.problem("bad-row", where, "a code and a name were expected, and one of them is empty")
            continue
        if code in by_code:
            kind = "repeated-id" if by_code[code] == name else "contradiction"
            report.problem(kind, where, f"the code {shown(code)} already means {shown(by_code[code])}")
            continue
        by_code[code] = name
        concepts.append(
            ConceptRecord(
                name,
                parent=_present(row, parent_at),
                code=code,
                rank=_present(row, rank_at),
                aphia_id=_aphia(sheet, index, aphia_at, report),
            )
        )
    for code, name in list(by_code.items()):
        by_code.setdefault(plain_code(code), name)
    return LabelKey(by_code, tuple(concepts))


def forest(concepts: Iterable[ConceptRecord], report: Report) -> tuple[ConceptRecord, ...]:
    """Concepts once each, parents added and standing before their children; a loop is cut with a note.

    Two entries of one name become one: the first, with what it lacks from the later.
    """
    known: dict[str, ConceptRecord] = {}
    for concept in concepts:
        if concept.parent == concept.name:
            concept = replace(concept, parent=None)
        first = known.get(concept.name)
        if first is None:
            known[concept.name] = concept
            continue
        if first.parent and concept.parent and first.parent != concept.parent:
            report.note(f"The label {shown(concept.name)} has two parents; {shown(first.parent)} was kept.")
        known[concept.name] = replace(
            first,
            parent=first.parent or concept.parent,
            code=first.code or concept.code,
            rank=first.rank or concept.rank,
            aphia_id=first.aphia_id or concept.aphia_id,
        )
    for concept in list(known.values()):
        if concept.parent is not None:
            known.setdefault(concept.parent, ConceptRecord(concept.parent))
    placed: dict[str, ConceptRecord] = {}
    for name in known:
        chain: list[str] = []
        at: str | None = name
        while at is not None and at not in placed:
            if at in chain:
                report.note(f"The label {shown(at)} is its own ancestor; it was put at the top.")
                known[at] = replace(known[at], parent=None)
                chain = chain[: chain.index(at) + 1] if chain[-1] == at else _from_top(chain, at)
                break
            chain.append(at)
            at = known[at].parent
        for step in reversed(chain):
            placed[step] = known[step]
    return tuple(placed.values())


def _from_top(chain: list[str], top: str) -> list[str]:
    """The chain with the loop's cut end last, so that it is placed first."""
    return [step for step in chain if step != top] + [top]


def _first(normal: list[str], wanted: tuple[str, ...], other_than: int | None) -> int | None:
    for name in wanted:
        for at, own in enumerate(normal):
            if own == name and at != other_than:
                return at
    return None


def _present(row: Iterable[str], place: int | None) -> str | None:
    if place is None:
        return None
    cell = list(row)[place].strip()
    return None if is_missing(cell) else cell


def _aphia(sheet: Sheet, index: int, place: int | None, report: Report) -> int | None:
    cell = _present(sheet.rows[index], place)
    if cell is None:
        return None
    digits = plain_code(cell.rpartition(":")[2])  # also urn:lsid:marinespecies.org:taxname:123
    if digits.isascii() and digits.isdigit() and 0 < len(digits) <= 9 and digits != "0":
        return int(digits)
    report.problem("bad-value", f"{sheet.name} {sheet.where(index)}", f"{shown(cell)} is not an AphiaID")
    return None
