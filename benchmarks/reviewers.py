"""Eight reviewers at once over HTTP, the server killed with ``kill -9`` in the middle: is every decision there once?

``python -m benchmarks.reviewers WORKSPACE [--run N] [--reviewers 8] [--decisions 5000] [--kills 3]``

Each reviewer asks for the next pictures and decides on them as the page does: a key for each act, sent again until it
is acknowledged. When a queue runs out, second opinions are asked for, then everything again. The workspace is copied
first.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common import append_result
from core.serving import dashboard_script, server_command
from core.workspace import open_workspace

VERDICTS = ("new", "taxon", "artefact", "gear", "water", "habitat", "unsure")


@dataclass
class Told:
    """What one reviewer was told: (key, ids, acknowledged at), in order, and how often the server did not answer."""

    name: str
    acknowledged: list[tuple[str, list[int], float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    unanswered: int = 0
    repeated: int = 0
    handed: list[tuple[float, float, int]] = field(default_factory=list)


class Server:
    """The product's own server on one port; can be killed and started anew."""

    def __init__(self, workspace: Path, port: int) -> None:
        self.workspace, self.port = workspace, port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start and wait until it answers; seconds that it took."""
        began = time.perf_counter()
        script = dashboard_script()
        root = script.parent.parent
        environment = os.environ | {"BENTHOSCOPE_WORKSPACE": str(self.workspace), "PYTHONPATH": str(root)}
        self.process = subprocess.Popen(
            server_command(script, self.port),
            env=environment,
            cwd=root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/_stcore/health")
                connection.getresponse().read()
                return time.perf_counter() - began
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the server did not answer within a minute")

    def kill(self) -> None:
        """``kill -9``."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def post(port: int, held: dict, path: str, body: dict) -> dict | None:
    """One request over a connection that is kept; ``None`` when no answer came."""
    try:
        if "connection" not in held:
            held["connection"] = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"}
        held["connection"].request("POST", f"/bs/review/{path}", json.dumps(body), headers)
        answer = held["connection"].getresponse()
        text = answer.read()
        if answer.status >= 500:
            return None
        if answer.status != 200:
            raise RuntimeError(f"{path} was refused: {answer.status} {text[:200]!r}")
        return json.loads(text)
    except (OSError, http.client.HTTPException):
        held.pop("connection", None)
        return None


def reviewer(told: Told, port: int, run: int, stop: threading.Event, left: list[int], lock: threading.Lock) -> None:
    """Decide until all decisions are taken."""
    rng = random.Random(told.name)
    held: dict = {}
    rules = ["fresh", "second", "again"]
    number = 0
    while not stop.is_set():
        queue = rng.choice(["strangest", "random", "clusters"])
        ask = {"run": run, "queue": queue, "rule": rules[0], "actor": told.name, "count": 8}
        began = time.perf_counter()
        given = post(port, held, "next", ask)
        if given is None:
            told.unanswered += 1
            time.sleep(0.2)
            continue
        if not given["items"]:
            rules = rules[1:] or rules
            continue
        for item in given["items"]:
            with lock:
                if left[0] <= 0:
                    stop.set()
                    return
                left[0] -= 1
            number += 1
            key = f"{told.name}-{number:06d}"
            verdict = rng.choice(VERDICTS)
            body = {"key": key, "run": run, "actor": told.name, "verdict": verdict, "regions": [item["region"]]}
            if verdict == "taxon":
                body["concept"] = rng.choice(["Solmissus", "Ophiura sarsii"])
            before = time.perf_counter()
            while (answer := post(port, held, "decide", body)) is None:
                told.unanswered += 1
                time.sleep(0.1)
            after = time.perf_counter()
            told.seconds.append(after - before)
            told.acknowledged.append((key, answer["ids"], after))
            if rules[0] == "fresh":
                told.handed.append((began, after, item["region"]))
            if number % 50 == 0:  # a client that did not hear the answer sends the same again
                same = post(port, held, "decide", body)
                told.repeated += same is not None and same["ids"] == answer["ids"]


def session(workspace: Path, asked: argparse.Namespace, *, kills: int) -> tuple[list[Told], float, list[float]]:
    """All reviewers until all is decided, the server killed `kills` times on the way."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(workspace, port)
    server.start()
    people = [Told(f"reviewer-{number + 1}") for number in range(asked.reviewers)]
    stop, lock, left = threading.Event(), threading.Lock(), [asked.decisions]
    threads = [
        threading.Thread(target=reviewer, args=(told, port, asked.run, stop, left, lock), daemon=True)
        for told in people
    ]
    began, restarts = time.perf_counter(), []
    for thread in threads:
        thread.start()
    marks = [asked.decisions * (at + 1) // (kills + 1) for at in range(kills)]
    for mark in marks:
        while asked.decisions - left[0] < mark:
            time.sleep(0.005)
        server.kill()
        restarts.append(server.start())
        print(f"killed and up again after {mark} decisions, {time.perf_counter() - began:.0f} s", flush=True)
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    server.kill()
    return people, seconds, restarts


def checked(workspace: Path, people: list[Told]) -> dict:
    """What the catalogue holds against what was acknowledged."""
    with sqlite3.connect(workspace / "catalogue.sqlite") as there:
        rows = there.execute("select id, act, idempotency_key, actor from decisions order by id").fetchall()
        whole = there.execute("pragma integrity_check").fetchone()[0]
    by_key = {key: (number, act, actor) for number, act, key, actor in rows}
    acknowledged = [(key, ids) for told in people for key, ids, _ in told.acknowledged]
    lost = [key for key, ids in acknowledged if key not in by_key or [by_key[key][0]] != ids]
    kept = {told.name: [act for _, act, _, actor in rows if actor == told.name] for told in people}
    in_order = all(kept[told.name] == [key for key, _, _ in told.acknowledged] for told in people)
    return {
        "acknowledged": len(acknowledged),
        "rows": len(rows),
        "lost": len(lost),
        "twice": len(rows) - len({act for _, act, _, _ in rows}),
        "unacknowledged": len(rows) - len(acknowledged),
        "each_reviewers_in_order": in_order,
        "integrity": whole,
    }


def main() -> None:
    """Read the command line, measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--run", type=int, default=2)
    parser.add_argument("--reviewers", type=int, default=8)
    parser.add_argument("--decisions", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(asked.workspace, Path(folder) / "workspace"))
        open_workspace(copy).close()  # brings the schema up to date
        people, seconds, restarts = session(copy, asked, kills=asked.kills)
        found = checked(copy, people)
    first = [one for told in people for one in told.handed]
    twice_handed = len(first) - len({region for _, _, region in first})
    times = sorted(one for told in people for one in told.seconds)
    figures = {
        **found,
        "reviewers": asked.reviewers,
        "kills": asked.kills,
        "restart_seconds": [round(one, 1) for one in restarts],
        "seconds": round(seconds, 1),
        "decisions_a_second": round(found["acknowledged"] / (seconds - sum(restarts)), 1),
        "median_ms": round(1000 * statistics.median(times), 1),
        "p95_ms": round(1000 * times[int(0.95 * len(times))], 1),
        "unanswered": sum(told.unanswered for told in people),
        "repeated_and_answered_alike": sum(told.repeated for told in people),
        "first_opinions": len(first),
        "first_opinions_on_one_region_twice": twice_handed,
    }
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):40} {value}")
    append_result("reviewers", figures, packages=("streamlit", "sqlalchemy"))
    if found["lost"] or found["twice"] or not found["each_reviewers_in_order"]:
        raise SystemExit("decisions were lost, kept twice or out of order")


if __name__ == "__main__":
    main()
