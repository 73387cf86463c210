"""Every format that Benthoscope writes, by name; and the writing itself.

The contract: a file appears whole or not at all, nothing that is there is overwritten by a folder, and what a format
could not hold is said.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from core.artefacts import write_atomically
from core.catalogue.conditions import parse_all
from core.catalogue.selections import evaluate
from core.errors import SettingsError, WorkspaceError
from core.export import decided_table, table_csv, table_json
from core.publish import documents, tables
from core.publish.bundle import Bundle, gather
from core.publish.darwin import occurrences
from core.publish.worms import load_register

if TYPE_CHECKING:
    from core.runs import Run
    from core.workspace import Workspace


@dataclass(frozen=True)
class Written:
    """An export in memory.

    Attributes:
        files: Name → content; one file, but for formats that are folders.
        count: Rows, images or occurrences, as `noun` says.
        remarks: Sentences on what the format could not hold.
    """

    files: Mapping[str, bytes]
    count: int
    noun: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """What some formats need.

    Attributes:
        worms: Dated table of AphiaIDs, for Darwin Core.
    """

    worms: Path | None = None


@dataclass(frozen=True)
class Writer:
    """One format.

    Attributes:
        ending: Of the file; empty for a folder.
        needs: What must be given besides, for the person who chooses.
    """

    name: str
    title: str
    ending: str
    make: Callable[[Bundle, Options], Written]
    needs: str = field(default="")


def _document(name: str, make: Callable[[Bundle], bytes]) -> Callable[[Bundle, Options], Written]:
    return lambda bundle, _options: Written({name: make(bundle)}, len(bundle.images), "images")


def _submission(bundle: Bundle, _options: Options) -> Written:
    data, without = tables.fathomnet_submission(bundle)
    remarks = (f"Concepts without a code were left out: {', '.join(without)}.",) if without else ()
    return Written({"submission.csv": data}, len(bundle.images), "images", remarks)


def _darwin(bundle: Bundle, options: Options) -> Written:
    if options.worms is None:
        raise SettingsError(
            "Darwin Core needs the AphiaIDs of WoRMS: give a dated table of names with --worms FILE "
            "(WoRMS' taxon match makes one)"
        )
    found = occurrences(bundle, load_register(options.worms))
    remarks = [f"{number:,} left out: {reason}." for reason, number in found.left_out.items()]
    if found.unknown:
        listed = ", ".join(f"{name} ({number:,})" for name, number in list(found.unknown.items())[:50])
        remarks.append(f"Names that {options.worms.name} does not know, left out: {listed}.")
    return Written({"occurrence.csv": found.data}, found.rows, "occurrences", tuple(remarks))


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        writer.name: writer
        for writer in (
            Writer("coco", "COCO JSON", ".json", _document("coco.json", documents.coco)),
            Writer("ifdo", "iFDO (YAML)", ".yaml", _document("ifdo.yaml", documents.ifdo)),
            Writer("fathomnet", "FathomNet JSON", ".json", _document("fathomnet.json", documents.fathomnet)),
            Writer("fathomnet-boxes", "FathomNet boxes", ".csv", _document("boxes.csv", tables.fathomnet_boxes)),
            Writer("fathomnet-submission", "FathomNet submission", ".csv", _submission),
            Writer("biigle", "BIIGLE report", ".csv", _document("biigle.csv", tables.biigle)),
            Writer("viame", "VIAME CSV", ".csv", _document("viame.csv", tables.viame)),
            Writer(
                "yolo",
                "YOLO folder",
                "",
                lambda bundle, _options: Written(tables.yolo(bundle), len(bundle.images), "images"),
            ),
            Writer("darwin-core", "Darwin Core for OBIS", ".csv", _darwin, "a dated WoRMS table"),
        )
    }
)
"""Every format beside the run's own table (``csv``, ``json``)."""
FORMATS = ("csv", "json", *WRITERS)


def make(
    space: Workspace, run: Run, name: str, rows: Sequence[int] | np.ndarray, options: Options | None = None
) -> Written:
    """An export of some rows of a run.

    Raises:
        SettingsError: no such format, or it lacks something.
        FormatError: the WoRMS table cannot be used.
    """
    if name in ("csv", "json"):
        table = decided_table(space, run).iloc[np.asarray(rows, dtype=np.int64)]
        data = table_csv(table) if name == "csv" else table_json(run, table)
        return Written({f"regions.{name}": data}, len(table), "rows")
    writer = WRITERS.get(name)
    if writer is None:
        raise SettingsError(f"a format is one of {', '.join(FORMATS)}, got {name!r}")
    return writer.make(gather(space, run, rows), options or Options())


def rows_of(space: Workspace, run: Run, conditions: Sequence[str]) -> np.ndarray:
    """``[M]`` rows of a run that meet all conditions; decisions can be asked for (``verdict=new``)."""
    return np.flatnonzero(evaluate(parse_all(conditions), decided_table(space, run)).mask)


def write(written: Written, out: Path) -> None:
    """Write an export: one file to `out`, several into the folder `out`, which must be new or empty.

    Raises:
        WorkspaceError: it cannot be written there.
    """
    out = out.expanduser()
    try:
        if len(written.files) == 1:
            write_atomically(out, next(iter(written.files.values())))
            return
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise WorkspaceError(f"{out} is there already; this export is a folder, name a new one")
        for name, data in written.files.items():
            path = out / name
            if not path.resolve().is_relative_to(out.resolve()):
                raise WorkspaceError(f"an image is named {name!r}, which leads out of {out}; it cannot be written")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
    except OSError as error:
        raise WorkspaceError(f"{out} cannot be written ({error.strerror or error}); name another") from error


def as_download(written: Written) -> tuple[str, bytes]:
    """A name and one file for a browser; a folder becomes a ZIP archive."""
    if len(written.files) == 1:
        return next(iter(written.files.items()))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in written.files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return "yolo.zip", out.getvalue()
