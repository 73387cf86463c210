"""A folder of images; on request the folder that an image lies in is its label."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from core.catalogue.formats.concepts import forest
from core.catalogue.formats.listing import list_images
from core.catalogue.formats.reading import reading_of
from core.catalogue.formats.report import Report, shown
from core.catalogue.records import AnnotationRecord, ConceptRecord, ImageRecord, Reading, ReadOptions
from core.errors import FormatError


def read_folder(source: Path, options: ReadOptions) -> Reading:
    """List every file whose ending is that of an image, sub-folders included; nothing is opened.

    With `ReadOptions.folder_labels` the innermost folder's name is the label and the folders above are its parents;
    images at the top have no label. A name that stands below two different folders is one concept, of the first.

    Raises:
        FormatError: `source` is not a folder that may be listed, or holds no image at all.
    """
    report = Report()
    listing = list_images(source, report)
    if not listing.images:
        videos = [problem for problem in report.problems if problem.kind == "video"]
        if videos:
            raise FormatError(f"{source} holds no images, but {shown(videos[0].where)}: {videos[0].reason}")
        raise FormatError(f"{source} holds no images (JPEG, PNG, TIFF, WebP, BMP, GIF); check the folder")
    records: list[ImageRecord] = []
    concepts: list[ConceptRecord] = []
    for path in listing.images:
        folders = PurePosixPath(path).parts[:-1] if options.folder_labels else ()
        concepts.extend(
            ConceptRecord(name, parent=folders[depth - 1] if depth else None) for depth, name in enumerate(folders)
        )
        annotations = (AnnotationRecord(folders[-1]),) if folders else ()
        if options.folder_labels and not folders:
            report.problem("unlabelled", path, f"{shown(path)} lies in no sub-folder that could be its label")
        records.append(ImageRecord(path, annotations=annotations, labelled=bool(folders), where=path))
    labels = {one.concept for record in records for one in record.annotations}
    return reading_of(
        records,
        forest(dict.fromkeys(concepts), report),
        report,
        source,
        rows=len(records),
        categories=len(labels),
    )
