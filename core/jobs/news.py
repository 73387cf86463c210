"""Whether anything happened to the jobs, asked every other second by every open page and so cheap that it may be.

The contract: the token of a workspace changes when a job is asked for, begins, ends or is tried again, and not when it
merely goes on. Any number of visitors cost one look at SQLite's change counter each, and together one query a change.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from pathlib import Path

_QUERY = """
SELECT group_concat(id || state, ' ') FROM jobs WHERE state IN ('waiting', 'running')
UNION ALL
SELECT count(*) || ' ' || coalesce(max(finished_at), '') FROM jobs WHERE state IN ('done', 'failed', 'cancelled')
"""


class News:
    """The news of one catalogue; safe to share between threads.

    Args:
        catalogue: Its file, which exists.
    """

    def __init__(self, catalogue: Path) -> None:
        self._connection = sqlite3.connect(catalogue, isolation_level=None, check_same_thread=False, timeout=5)
        self._connection.execute("PRAGMA query_only=ON")
        self._lock = threading.Lock()
        self._version = -1
        self._token = ""

    def token(self) -> str:
        """What changes with the jobs: a short text without a meaning of its own.

        A catalogue that cannot be read just now gives what it gave before.
        """
        with self._lock:
            try:
                (version,) = self._connection.execute("PRAGMA data_version").fetchone()
                if version != self._version:
                    rows = self._connection.execute(_QUERY).fetchall()
                    self._token = hashlib.blake2b(repr(rows).encode(), digest_size=8).hexdigest()
                    self._version = version
            except sqlite3.OperationalError:
                return self._token
            return self._token

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()
