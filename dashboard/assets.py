"""Our own browser modules and styles, served from a fixed table under a version made of their content."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

_FOLDER = Path(__file__).parent / "components"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@lru_cache(maxsize=1)
def files() -> MappingProxyType[str, tuple[bytes, str]]:
    """Content and content type by name; what is not in this table cannot be asked for."""
    found = sorted(path for path in _FOLDER.iterdir() if path.suffix in _TYPES)
    return MappingProxyType({path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in found})


@lru_cache(maxsize=1)
def version() -> str:
    """Changes whenever any file does, so that addresses may be kept for good by the browser."""
    state = hashlib.blake2b(digest_size=8)
    for name, (content, _) in files().items():
        state.update(name.encode() + b"\0" + content)
    return state.hexdigest()


def base() -> str:
    """The path below which all our routes lie, without a slash at its end."""
    from streamlit import config

    prefix = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{prefix}/bs" if prefix else "/bs"


def module(name: str) -> str:
    """The address of one of our files."""
    if name not in files():
        raise KeyError(f"there is no browser module {name!r}")
    return f"{base()}/module/{version()}/{name}"


LOADER = """export default async c =>
  (await import(new URL(c.data.module, document.baseURI).href)).default(c)
"""
"""Inline JavaScript of every component of ours. It runs from a blob, where relative imports fail; the module that it
loads lies on our own route and may import its siblings. (The line break matters: one line with a slash is a path.)"""
