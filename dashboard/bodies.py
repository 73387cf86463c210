"""Arrays that browser components fetch as plain bytes: positions, colours and flags of a map.

The contract:
- a body lies under a key made of what it was computed from, so the browser may keep it for good;
- the page names it anew at every rerun, so one that was dropped meanwhile comes back; shared, bounded, thread-safe.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np

from core.artefacts import digest

MAX_BYTES = 2**28


class Bodies:
    """The bodies in use, least recently used dropped first."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = Lock()
        self._max_bytes = max_bytes

    def put(self, array: np.ndarray, *named: str) -> str:
        """Keep an array under the words that say what it is, and return its key.

        Args:
            array: Contiguous; sent as it lies in memory (little-endian on every machine that we run on).
            named: Whatever the content depends on, a run's key first.
        """
        key = digest(*named, str(array.dtype), str(array.shape))
        with self._lock:
            self._kept[key] = array
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > self._max_bytes:
                self._kept.popitem(last=False)
        return key

    def get(self, key: str) -> bytes | None:
        """The bytes, or ``None`` when they were never kept or have been dropped."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        return None if found is None else found.tobytes()


BODIES = Bodies()
