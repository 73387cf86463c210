"""Darwin Core occurrences for OBIS.

The contract:
- one occurrence a taxon and run of near-duplicate frames, all of whose pictures stand in ``associatedMedia``;
- only names that the register knows become occurrences; the others are listed, never guessed;
- litter, gear, habitat, artefacts and "new to the model" make none, and a missing label never becomes ``absent``;
- what OBIS cannot take (no time, no position) is left out and counted.

Source: https://dwc.tdwg.org/terms/ and OBIS' manual, https://manual.obis.org/darwin_core.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

from core.publish.bundle import Bundle, Shown, Statement, utc
from core.publish.tables import sheet
from core.publish.worms import Register, Taxon

TERMS = (
    *("occurrenceID", "basisOfRecord", "occurrenceStatus", "scientificName", "scientificNameID", "taxonRank"),
    *("eventDate", "decimalLatitude", "decimalLongitude", "geodeticDatum", "minimumDepthInMeters"),
    *("maximumDepthInMeters", "locality", "eventID", "identifiedBy", "dateIdentified"),
    *("identificationVerificationStatus", "identificationReferences", "associatedMedia", "verbatimIdentification"),
)
"""Columns, all of them terms of Darwin Core."""
BETWEEN = " | "
_NO_TAXON = frozenset({"gear", "habitat", "artefact", "empty", "duplicate"})


@dataclass(frozen=True)
class Occurrences:
    """What was written and what was not.

    Attributes:
        rows: Occurrences.
        unknown: Names that the register does not know → how many statements they make.
        left_out: Reason → occurrences left out for it.
    """

    data: bytes
    rows: int
    unknown: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


def occurrences(bundle: Bundle, register: Register) -> Occurrences:
    """Darwin Core's table of occurrences."""
    unknown: dict[str, int] = {}
    met: dict[tuple[str, int], list[tuple[Shown, Statement, Taxon]]] = {}
    for image, one in bundle.said():
        if _denied(image, bundle) and one.source != "person":
            continue
        taxon = register.find(one.concept)
        if taxon is None:
            unknown[one.concept] = unknown.get(one.concept, 0) + 1
            continue
        event = f"run {image.repeats}" if image.repeats >= 0 else image.uid
        met.setdefault((event, taxon.aphia_id), []).append((image, one, taxon))
    left_out: dict[str, int] = {}
    rows = []
    for (event, aphia_id), members in met.items():
        images = list({image.id: image for image, _, _ in members}.values())
        placed = [image for image in images if image.latitude is not None and image.longitude is not None]
        timed = [image.taken_at for image in images if image.taken_at is not None]
        reason = "no position" if not placed else "no time" if not timed else ""
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        rows.append(
            _row(bundle, event, aphia_id, images, placed[0], [one for _, one, _ in members], members[0][2], register)
        )
    return Occurrences(sheet(TERMS, rows), len(rows), dict(sorted(unknown.items())), left_out)


def _denied(image: Shown, bundle: Bundle) -> bool:
    """Whether every reviewer says that what is in the picture is no taxon."""
    meanings = [bundle.verdicts[one.verdict].meaning for one in image.decisions if one.verdict in bundle.verdicts]
    return bool(meanings) and all(meaning in _NO_TAXON for meaning in meanings)


def _row(
    bundle: Bundle,
    event: str,
    aphia_id: int,
    images: Sequence[Shown],
    place: Shown,
    said: Sequence[Statement],
    taxon: Taxon,
    register: Register,
) -> list[str | float | None]:
    people = [one for one in said if one.source == "person"]
    models = sorted({one.model or one.actor for one in said if one.source == "model"})
    status = "ValidatedByHuman" if people else "PredictedByMachine" if models else ""
    identified = sorted({one.actor for one in people}) or sorted({one.actor for one in said if one.source != "model"})
    moments = sorted(image.taken_at for image in images if image.taken_at is not None)
    when = utc(moments[0]) if moments[0] == moments[-1] else f"{utc(moments[0])}/{utc(moments[-1])}"
    depths = [image.depth_m for image in images if image.depth_m is not None]
    provenance = bundle.provenance
    model = ", ".join(models) or str(provenance["model"])
    references = f"{provenance['program']}; run {provenance['run_uid']}; model {model}; "
    references += f"names: WoRMS, {register.source} of {register.day.isoformat()}"
    first = min(images, key=lambda image: image.uid)
    address = f"{provenance['run_uid']}/{first.uid if event.startswith('run ') else event}/{aphia_id}"
    return [
        f"urn:uuid:{uuid5(NAMESPACE_URL, address)}",
        "MachineObservation",
        "present",
        taxon.name,
        taxon.lsid,
        taxon.rank,
        when,
        place.latitude,
        place.longitude,
        "EPSG:4326",
        min(depths, default=None),
        max(depths, default=None),
        place.site or "",
        place.group or "",
        BETWEEN.join(identified),
        utc(max(one.created_at for one in people)) if people else "",
        status,
        references,
        BETWEEN.join(image.path for image in images),
        BETWEEN.join(sorted({one.concept for one in said})),
    ]
