"""Every format that Benthoscope reads, by name.

A format is one line here: a name, a title for people, a reader, and a sniffer that tells from the first bytes whether a
source is of this kind. The order is the order of guessing: the particular before the general.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.catalogue.formats.biigle import is_biigle, read_biigle
from core.catalogue.formats.coco import read_coco
from core.catalogue.formats.columns import checked_roles
from core.catalogue.formats.completing import complete
from core.catalogue.formats.darwin import is_darwin, read_darwin
from core.catalogue.formats.decoding import decode
from core.catalogue.formats.delimited import parse_sheet
from core.catalogue.formats.fathomnet import is_fathomnet, read_fathomnet
from core.catalogue.formats.fathomnet_json import is_fathomnet_json, read_fathomnet_json
from core.catalogue.formats.folder import read_folder
from core.catalogue.formats.ifdo import is_ifdo, read_ifdo
from core.catalogue.formats.listing import IMAGE_ENDINGS, is_video, video_sentence
from core.catalogue.formats.report import Report, shown
from core.catalogue.formats.sheet import Sheet
from core.catalogue.formats.table import read_table
from core.catalogue.formats.times import zone_named
from core.catalogue.formats.viame import is_viame, read_viame
from core.catalogue.formats.yolo import is_yolo, read_yolo
from core.catalogue.records import Reading, ReadOptions
from core.errors import FormatError, SettingsError

_HEAD = 65536


@dataclass(frozen=True)
class Format:
    """One kind of source.

    Attributes:
        name: What ``--format`` takes.
        title: For people.
        read: Source and options → what it says. Raises `FormatError` for a source that cannot be read as a whole.
        sniff: Source and its first bytes (none for a folder) → whether it is of this kind.
    """

    name: str
    title: str
    read: Callable[[Path, ReadOptions], Reading]
    sniff: Callable[[Path, bytes], bool]


def guess_format(source: Path) -> str:
    """The name of the format that a source is most likely in.

    Raises:
        FormatError: it is missing, empty, a video, a single image, or of no known kind.
    """
    if is_video(source):
        raise FormatError(f"{source.name}: {video_sentence(source.name)}")
    head = b""
    try:
        if not source.is_dir():
            with source.open("rb") as file:
                head = file.read(_HEAD)
            if not head:
                raise FormatError(f"{source} is empty; a folder of images, a table or a COCO file was expected")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FormatError(f"{source} cannot be read ({reason}); check the name and its permissions") from None
    if source.suffix.lower() in IMAGE_ENDINGS and not source.is_dir():
        raise FormatError(f"{source.name} is a single image; give the folder that it lies in")
    for name, format_ in FORMATS.items():
        if format_.sniff(source, head):
            return name
    decode(head[: head.rfind(b"\n") + 1] or head, source.name, Report())  # says what kind of binary file it is
    raise FormatError(f"{source.name} is of no kind that can be read; there are {', '.join(FORMATS)}")


def read(source: Path, options: ReadOptions | None = None, format: str | None = None) -> Reading:
    """Read any source.

    Args:
        source: A folder, a table or an annotation file.
        options: Relative paths in them that do not exist from here are looked for beside the source.
        format: A name in `FORMATS`; ``None`` guesses.

    Raises:
        FormatError: the source, or a table that it needs, cannot be read as a whole.
        SettingsError: an option does not exist or does not fit the source.
    """
    options = _beside(source, options or ReadOptions())
    if options.timezone is not None:
        zone_named(options.timezone)
    checked_roles(options.columns)
    name = format if format is not None else guess_format(source)
    if name not in FORMATS:
        raise SettingsError(f"a format is one of {', '.join(FORMATS)}, got {shown(name)}")
    if is_video(source) and not source.is_dir():
        raise FormatError(f"{source.name}: {video_sentence(source.name)}")
    return complete(FORMATS[name].read(source, options), options)


def _beside(source: Path, options: ReadOptions) -> ReadOptions:
    """Options whose relative paths exist, seen from here or else from the source."""
    found: dict[str, Path] = {}
    for name in ("images", "metadata", "labels_key", "category_key", "nav"):
        path: Path | None = getattr(options, name)
        if path is not None and not path.is_absolute() and not path.exists() and (source.parent / path).exists():
            found[name] = source.parent / path
    return replace(options, **found)  # type: ignore[arg-type]


def _sniff_sheet(fits: Callable[[Sheet], bool]) -> Callable[[Path, bytes], bool]:
    """A sniffer for tables that are told by their columns."""

    def sniff(source: Path, head: bytes) -> bool:
        if not head or head.startswith(b"PAR1"):
            return False
        try:
            return fits(parse_sheet(_whole_lines(head, source), source.name, Report()))
        except FormatError:
            return False

    return sniff


def _sniff_viame(source: Path, head: bytes) -> bool:
    if not head or head.startswith(b"PAR1"):
        return False
    try:
        return is_viame(_whole_lines(head, source))
    except FormatError:
        return False


def _whole_lines(head: bytes, source: Path) -> str:
    return decode(head[: head.rfind(b"\n") + 1] or head, source.name, Report())


def _sniff_coco(source: Path, head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1]
    return bool(head) and (start in (b"{", b"[") or source.suffix.lower() == ".json")


def _sniff_table(source: Path, head: bytes) -> bool:
    if not head or head.startswith(b"PAR1"):
        return bool(head)
    try:
        parse_sheet(decode(head[: head.rfind(b"\n") + 1] or head, source.name, Report()), source.name, Report())
    except FormatError:
        return False
    return True


FORMATS: Mapping[str, Format] = {
    format_.name: format_
    for format_ in (
        Format("yolo", "YOLO folder", read_yolo, lambda source, head: is_yolo(source)),
        Format("folder", "Folder of images", read_folder, lambda source, head: not head),
        Format("ifdo", "iFDO (YAML or JSON)", read_ifdo, lambda source, head: is_ifdo(head)),
        Format("fathomnet-json", "FathomNet JSON", read_fathomnet_json, lambda source, head: is_fathomnet_json(head)),
        Format("coco", "COCO JSON", read_coco, _sniff_coco),
        Format("fathomnet", "FathomNet CSV", read_fathomnet, _sniff_sheet(is_fathomnet)),
        Format("biigle", "BIIGLE CSV report", read_biigle, _sniff_sheet(is_biigle)),
        Format("darwin-core", "Darwin Core occurrences", read_darwin, _sniff_sheet(is_darwin)),
        Format("viame", "VIAME CSV", read_viame, _sniff_viame),
        Format("table", "Table (CSV, TSV, Parquet)", read_table, _sniff_table),
    )
}
"""Name → format, in the order of guessing."""
