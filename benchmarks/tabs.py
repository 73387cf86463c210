"""Thirty browser tabs on one server: does its memory stay flat, and how long do reruns take?

``python -m benchmarks.tabs --workspace DIR --minutes 10``. Each tab is a session of its own over a websocket, as a
browser opens it, and acts every 15 seconds: it opens a page with another condition. The time of a rerun is taken at the
socket, from the request to the message that the script has finished; the server's memory is its resident set.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.common import append_result

PAGES = ("", "browse", "map", "outliers", "duplicates", "help")
EVERY = 15.0


def serve(workspace: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The product's server as its own process, and its port."""
    from core.serving import dashboard_script, server_command

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = dashboard_script()
    root = script.parent.parent
    environment = os.environ | {"BENTHOSCOPE_WORKSPACE": str(workspace), "PYTHONPATH": str(root)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(server_command(script, port), env=environment, cwd=root, **quiet), port  # type: ignore[call-overload,no-any-return]


def resident(process: subprocess.Popen[bytes]) -> int:
    """Mebibytes of memory that a process holds."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    return 0


async def tab(number: int, port: int, until: float, found: list[tuple[float, str, float]]) -> None:
    """One session that acts every 15 seconds until the end."""
    import websockets
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from streamlit.util import calc_hash

    chance = random.Random(number)
    await asyncio.sleep(number * EVERY / 30)
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    async with websockets.connect(address, max_size=None, subprotocols=["streamlit"]) as connection:  # type: ignore[list-item]
        while time.monotonic() < until:
            page = chance.choice(PAGES)
            low = chance.randint(20, 400)
            message = BackMsg()
            message.rerun_script.query_string = f"depth={low}..{low + 500}"
            message.rerun_script.page_script_hash = calc_hash(page)
            began = time.monotonic()
            await connection.send(message.SerializeToString())
            while True:
                answer = ForwardMsg()
                answer.ParseFromString(await connection.recv())  # type: ignore[arg-type]
                if answer.WhichOneof("type") == "script_finished":
                    break
            taken = time.monotonic() - began
            found.append((began, page or "overview", taken))
            await asyncio.sleep(max(0.0, EVERY - taken))


async def _all(process: subprocess.Popen[bytes], port: int, tabs: int, minutes: float) -> dict[str, Any]:
    found: list[tuple[float, str, float]] = []
    begin = time.monotonic()
    until = begin + 60 * minutes
    work = [asyncio.create_task(tab(number, port, until, found)) for number in range(tabs)]
    memory = []
    while time.monotonic() < until:
        memory.append(resident(process))
        await asyncio.sleep(10)
    await asyncio.gather(*work)
    times = sorted(taken for _, _, taken in found)
    settled = sorted(taken for began, _, taken in found if began > begin + 2 * EVERY)
    by_page: dict[str, list[float]] = {}
    for _, page, taken in found:
        by_page.setdefault(page, []).append(taken)
    third = len(memory) // 3
    return {
        "tabs": tabs,
        "minutes": minutes,
        "reruns": len(times),
        "median_seconds": round(statistics.median(times), 3),
        "p95_seconds": round(times[int(0.95 * len(times))], 3),
        "worst_seconds": round(times[-1], 3),
        "under_two_seconds": round(sum(taken < 2 for taken in times) / len(times), 4),
        "settled": {  # all tabs are open and have drawn their first page
            "reruns": len(settled),
            "median_seconds": round(statistics.median(settled), 3),
            "p95_seconds": round(settled[int(0.95 * len(settled))], 3),
            "under_two_seconds": round(sum(taken < 2 for taken in settled) / len(settled), 4),
        },
        "median_by_page": {page: round(statistics.median(taken), 3) for page, taken in sorted(by_page.items())},
        "memory_mib": memory,
        "memory_after_a_third": round(statistics.median(memory[third : 2 * third])),
        "memory_at_the_end": round(statistics.median(memory[-third:])),
    }


def main() -> None:
    """Read the command line, measure, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--tabs", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=10)
    asked = parser.parse_args()
    process, port = serve(asked.workspace.resolve())
    try:
        for _ in range(240):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.25)
        time.sleep(5)
        figures = asyncio.run(_all(process, port, asked.tabs, asked.minutes))
    finally:
        process.terminate()
        process.wait(timeout=20)
    print(json.dumps(figures, indent=1))
    append_result("tabs", figures, packages=("streamlit",))


if __name__ == "__main__":
    main()
