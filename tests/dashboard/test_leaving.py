"""A server that is asked to end does so soon, whatever it still waits for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WAITING = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))  # a server that waits for its connections
from dashboard import leaving
leaving.GRACE = 0.05
leaving.in_time()
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of this kind are POSIX only")
def test_who_waits_for_a_connection_that_stays_open_ends_all_the_same():
    done = subprocess.run([sys.executable, "-c", WAITING], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "asked\n", "")
