"""What every one-file report is made of: the page that forbids itself the network, its parts, its pictures.

The contract:
- self-contained: styles, figures and pictures are inside, there is no script and no address to fetch from, and the
  page forbids both to itself;
- pictures stop at `_PICTURE_BYTES`, so that a report has at most `MOST_BYTES`;
- text of the catalogue is escaped.
"""

from __future__ import annotations

import base64
import platform
from collections.abc import Iterable, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from core.images.thumbnails import GRID

if TYPE_CHECKING:
    from core.workspace import Workspace

MOST_BYTES = 15_000_000
_PICTURE_BYTES = 10_000_000
_LIBRARIES = ("benthoscope", "numpy", "torch", "torchvision", "scikit-learn", "umap-learn", "hdbscan", "pandas")

_STYLE = """
body{font:16px/1.55 system-ui,sans-serif;color:#1d2730;background:#fff;max-width:980px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.9rem;margin:0 0 .2rem}h2{font-size:1.25rem;margin:2.2rem 0 .5rem;border-top:1px solid #dde3e8;
padding-top:1.2rem}p.lead{color:#44525f;margin:0 0 1.2rem}dl{display:grid;grid-template-columns:max-content 1fr;
gap:.2rem 1rem;margin:0}dt{color:#5a6875}dd{margin:0;overflow-wrap:anywhere}svg{width:100%;height:auto;font-size:12px;
fill:#44525f}.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:.6rem}figure{margin:0}
figure img{width:100%;height:105px;object-fit:cover;border-radius:3px;background:#eef1f4}figcaption{font-size:.76rem;
color:#44525f;overflow-wrap:anywhere;line-height:1.3}
.tiles{display:flex;flex-wrap:wrap;gap:1.6rem}.tiles b{display:block;
font-size:1.6rem}table{border-collapse:collapse;font-size:.9rem}td,th{text-align:left;padding:.2rem .9rem .2rem 0;
border-bottom:1px solid #e6ebef}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def document(title: str, parts: Iterable[str]) -> str:
    """The whole file."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{_POLICY}"><meta name="viewport" content="width=device-width"><title>{escape(title)} · Benthoscope'
        f"</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def heading(title: str, lead: str) -> str:
    """The first lines."""
    return f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>'


def section(title: str, lead: str, *inside: str) -> str:
    """A heading, a sentence, and HTML that is ready."""
    said = f"<p>{escape(lead)}</p>" if lead else ""
    return f"<section><h2>{escape(title)}</h2>{said}{''.join(inside)}</section>"


def paragraphs(lines: Iterable[str]) -> str:
    """Sentences, each a paragraph; empty ones are left out."""
    return "".join(f"<p>{escape(line)}</p>" for line in lines if line)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values."""
    return "<dl>" + "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in pairs if b) + "</dl>"


def tiles(pairs: Iterable[tuple[str, str]]) -> str:
    """Large numbers: ``(number, what it counts)``."""
    inside = "".join(f"<div><b>{escape(number)}</b>{escape(name)}</div>" for number, name in pairs)
    return f'<div class="tiles">{inside}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def versions() -> list[tuple[str, str]]:
    """Python and the libraries that results depend on."""
    found = [("made on", f"Python {platform.python_version()}")]
    for name in _LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return found


class Pictures:
    """Thumbnails as data addresses, until there are enough of them."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._bytes = 0

    def grid(self, items: Iterable[tuple[str, str, Sequence[str]]]) -> str:
        """Pictures in rows.

        Args:
            items: Content hash, path, and the lines below the file's name.
        """
        figures = []
        for content, path, lines in items:
            body = self._space.thumbnails.get(content, GRID) if self._bytes < _PICTURE_BYTES else None
            name = escape(path.rsplit("/", 1)[-1])
            source = ""
            if body is not None:
                self._bytes += len(body) * 4 // 3
                source = f'<img alt="{name}" src="data:image/jpeg;base64,{base64.b64encode(body).decode()}">'
            said = "<br>".join([name, *(escape(line) for line in lines if line)])
            figures.append(f"<figure>{source}<figcaption>{said}</figcaption></figure>")
        return f'<div class="grid">{"".join(figures)}</div>'
