"""Names of taxa → AphiaIDs of WoRMS, from a dated file that the user brings; nothing is ever guessed.

The file is a table with columns such as ``ScientificName`` and ``AphiaID`` (WoRMS' own "taxon match" gives one). Its
date stands in a column (``date``, ``retrieved``, ``DateLastModified``), or in its name: ``worms-2026-03-01.csv``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.catalogue.formats.columns import normalise
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.report import Report
from core.errors import FormatError

_NAMES = ("scientificname", "name", "taxonname", "concept")
_IDS = ("validaphiaid", "aphiaidaccepted", "acceptedaphiaid", "aphiaid", "scientificnameid")
_RANKS = ("rank", "taxonrank")
_ACCEPTED = ("validname", "scientificnameaccepted", "acceptedname")
_DATES = ("retrieved", "date", "accessed", "datelastmodified", "modified")
_DAY = re.compile(r"(20\d\d)[-_]?(0[1-9]|1[0-2])[-_]?([0-2]\d|3[01])")
_DIGITS = re.compile(r"(?:urn:lsid:marinespecies\.org:taxname:)?([1-9]\d{0,8})(?:\.0)?", re.ASCII)


@dataclass(frozen=True)
class Taxon:
    """One taxon as WoRMS has it: the accepted name where the file gives one."""

    name: str
    aphia_id: int
    rank: str

    @property
    def lsid(self) -> str:
        """The name's address in WoRMS."""
        return f"urn:lsid:marinespecies.org:taxname:{self.aphia_id}"


@dataclass(frozen=True)
class Register:
    """A file of names.

    Attributes:
        taxa: By the name that is asked for, without regard to case and outer spaces.
        day: When the file was taken from WoRMS.
        source: Its name.
    """

    taxa: Mapping[str, Taxon]
    day: date
    source: str

    def find(self, name: str) -> Taxon | None:
        """The taxon of this very name, or ``None``."""
        return self.taxa.get(_plain(name))


def load_register(path: Path) -> Register:
    """Read the file.

    Raises:
        FormatError: it cannot be read, has no names or ids, carries no date, or gives one name two ids.
    """
    sheet = load_sheet(path, Report())
    normal = [normalise(name) for name in sheet.header]
    name_at, id_at = _place(normal, _NAMES), _place(normal, _IDS)
    if name_at is None or id_at is None:
        raise FormatError(f"{path.name} has no columns of names and AphiaIDs, such as ScientificName and AphiaID")
    plain_id_at = _place(normal, ("aphiaid",))
    rank_at, accepted_at = _place(normal, _RANKS), _place(normal, _ACCEPTED)
    taxa: dict[str, Taxon] = {}
    for index, row in enumerate(sheet.rows):
        name = row[name_at].strip()
        given = row[id_at].strip() or (row[plain_id_at].strip() if plain_id_at is not None else "")
        found = _DIGITS.fullmatch(given)
        if not name or not found:
            continue  # WoRMS leaves a name that it does not know without an id: it stays unknown here too
        accepted = row[accepted_at].strip() if accepted_at is not None else ""
        taxon = Taxon(accepted or name, int(found[1]), row[rank_at].strip() if rank_at is not None else "")
        before = taxa.setdefault(_plain(name), taxon)
        if before.aphia_id != taxon.aphia_id:
            raise FormatError(
                f"{path.name} {sheet.where(index)}: {name!r} has the AphiaIDs {before.aphia_id} and {taxon.aphia_id}; "
                "leave the right one in"
            )
    if not taxa:
        raise FormatError(f"{path.name} gives no name an AphiaID; check its columns")
    date_at = _place(normal, _DATES)
    days = [_day(row[date_at]) for row in sheet.rows] if date_at is not None else []
    day = _day(path.name) or max((found for found in days if found is not None), default=None)
    if day is None:
        raise FormatError(f"{path.name} does not say when it was taken from WoRMS; name it like worms-2026-03-01.csv")
    return Register(taxa, day, path.name)


def _place(normal: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((normal.index(name) for name in wanted if name in normal), None)


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _day(text: str) -> date | None:
    found = _DAY.search(text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None
