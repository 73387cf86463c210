"""Darwin Core occurrences: one row a taxon that occurred, its pictures in ``associatedMedia``.

Source: the Darwin Core quick reference guide, https://dwc.tdwg.org/terms/.
"""

from __future__ import annotations

import re
from pathlib import Path

from core.catalogue.formats.listed import Listed, read_listed
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.quantities import is_missing
from core.catalogue.formats.report import Report, several, shown
from core.catalogue.formats.sheet import Sheet
from core.catalogue.records import AnnotationRecord, ConceptRecord, Reading, ReadOptions
from core.errors import FormatError

NEEDED = frozenset({"occurrenceID", "scientificName", "associatedMedia"})
IMAGE_TERMS = ("eventDate", "decimalLatitude", "decimalLongitude", "minimumDepthInMeters", "locality")
_APHIA = re.compile(r"(?:urn:lsid:marinespecies\.org:taxname:)?(\d{1,9})", re.ASCII)
_BETWEEN = re.compile(r"\s*\|\s*")


def is_darwin(sheet: Sheet) -> bool:
    """Whether the columns are those of occurrences with pictures."""
    return frozenset(sheet.header) >= NEEDED


def read_darwin(source: Path, options: ReadOptions) -> Reading:
    """Read occurrences. One that says ``absent`` states nothing about a picture and is left out with a note.

    Raises:
        FormatError: the file cannot be read, or has other columns.
    """
    report = Report()
    sheet = load_sheet(source, report)
    if not is_darwin(sheet):
        listed = ", ".join(sorted(NEEDED))
        raise FormatError(f"{source.name} has not the terms {listed}; without pictures read it as a table")
    at = {name: place for place, name in enumerate(sheet.header)}
    entries: dict[str, Listed] = {}
    concepts: dict[str, ConceptRecord] = {}
    absent = 0
    for index, row in enumerate(sheet.rows):
        where = sheet.where(index)
        values = {name: row[place].strip() for name, place in at.items()}
        files = [name for name in _BETWEEN.split(values["associatedMedia"]) if name]
        taxon = values["scientificName"]
        if not files:
            report.problem("no-file-name", where, "associatedMedia is empty")
            continue
        gone = values.get("occurrenceStatus", "").casefold() == "absent"
        absent += gone
        if not taxon and not gone:
            report.problem("unknown-label", where, "scientificName is empty")
        if taxon and not gone:
            concepts.setdefault(taxon, _concept(taxon, values, where, report))
        for name in files:
            entry = entries.setdefault(name, Listed(name, where))
            for term in IMAGE_TERMS:
                if not is_missing(values.get(term, "")):
                    entry.columns.setdefault(term, values[term])
            if taxon and not gone:
                entry.labelled = True
                skipped = {*NEEDED, *IMAGE_TERMS, "taxonRank", "identifiedBy"}
                extra = {term: value for term, value in values.items() if value and term not in skipped}
                actor = values.get("identifiedBy") or None
                entry.annotations.append(AnnotationRecord(taxon, actor=actor, extra=extra))
    if absent:
        report.note(f"{several(absent, 'occurrence')} with the status absent were left out: they state no label.")
    return read_listed(
        source, options, report, list(entries.values()), concepts=list(concepts.values()), rows=len(sheet.rows)
    )


def _concept(taxon: str, values: dict[str, str], where: str, report: Report) -> ConceptRecord:
    given = values.get("scientificNameID", "")
    found = _APHIA.fullmatch(given)
    if given and not found:
        report.problem("bad-value", where, f"scientificNameID {shown(given)} is not one of WoRMS")
    aphia = int(found[1]) if found and int(found[1]) > 0 else None
    return ConceptRecord(taxon, rank=values.get("taxonRank") or None, aphia_id=aphia)
