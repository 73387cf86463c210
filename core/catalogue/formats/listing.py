"""Which files in a folder may be images, by their ending alone; nothing is opened.

Links to folders are not followed, so a listing ends and stays below its root. Links to files are listed: whoever opens
them decides whether their target may be used.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.catalogue.formats.report import Report, several
from core.errors import FormatError

IMAGE_ENDINGS = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif",
})  # fmt: skip
VIDEO_ENDINGS = frozenset({
    ".mp4", ".mov", ".avi", ".mkv", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".webm", ".flv", ".m4v", ".mxf", ".ogv",
})  # fmt: skip
_SYSTEM_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information"})
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Listing:
    """The files below a folder.

    Attributes:
        root: The folder.
        images: Paths relative to it, POSIX, sorted.
        hidden: How many hidden and system files and folders were passed over.
        complete: Whether the whole tree was seen.
    """

    root: Path
    images: tuple[str, ...]
    hidden: int
    complete: bool


def is_video(path: Path | PurePosixPath) -> bool:
    """Whether the ending is that of a video."""
    return path.suffix.lower() in VIDEO_ENDINGS


def video_sentence(name: str) -> str:
    """What to do with a video: one sentence with a command that can be copied."""
    stem = PurePosixPath(name).stem
    frames = shlex.quote(f"{stem}_frames")
    command = f"mkdir {frames} && ffmpeg -i {shlex.quote(name)} -vf fps=1 -q:v 2 {frames}/{shlex.quote(stem)}_%06d.jpg"
    return f"this is a video; make frames of it (here one a second) and import their folder: {command}"


def list_images(root: Path, report: Report | None, limit: int | None = None) -> Listing:
    """List image files below a folder, sub-folders included.

    Args:
        root: The folder.
        report: Told about videos, other files, links to folders and names that are not Unicode; ``None`` tells nobody.
        limit: Stop after this many folders and files.

    Raises:
        FormatError: `root` is not a folder that may be listed.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "is not there"
        raise FormatError(f"a folder of images was expected, but {root} {what}; check the name")
    images: list[str] = []
    hidden = seen = 0
    blocked: list[OSError] = []
    complete = True
    for folder, folders, files in os.walk(root, onerror=blocked.append):
        below = Path(folder).relative_to(root)
        hidden += sum(_is_hidden(name) for name in [*folders, *files])
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in [name for name in folders if (Path(folder) / name).is_symlink()]:
            folders.remove(name)
            if report:
                report.problem("linked-folder", _text(below / name), "links to folders are not followed")
        seen += len(folders) + len(files)
        if limit is not None and seen > limit:
            complete = False
            break
        for name in sorted(files):
            if not _is_hidden(name):
                _sort_in(below / name, images, report)
    if blocked and not images and Path(blocked[0].filename or "") == root:
        raise FormatError(f"{root} cannot be listed ({blocked[0].strerror}); check its permissions")
    if report:
        for error in blocked:
            report.problem(
                "unreadable-folder", _text(Path(str(error.filename))), f"it cannot be listed: {error.strerror}"
            )
        if hidden:
            report.note(f"{several(hidden, 'hidden or system entry', 'hidden or system entries')} passed over.")
    return Listing(root, tuple(sorted(images)), hidden, complete)


def _sort_in(path: Path, images: list[str], report: Report | None) -> None:
    name = path.as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        if report:
            report.problem("bad-name", _text(path), "the name is not valid Unicode; rename the file")
        return
    if path.suffix.lower() in IMAGE_ENDINGS:
        images.append(name)
    elif report and is_video(path):
        report.problem("video", name, video_sentence(name))
    elif report:
        report.problem("other-file", name, f"the ending {path.suffix!r} is not that of an image")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS or name.lower() in _SYSTEM_FILES


def _text(path: Path) -> str:
    return path.as_posix().encode("utf-8", "backslashreplace").decode()
