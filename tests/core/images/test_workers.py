"""Processes that die, hang and fail: the others' results arrive all the same, in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import CoreError
from core.images.workers import ordered_map


def work(task: str) -> str:
    """What a worker does here: the task's first word says how it ends."""
    verb, _, rest = task.partition(" ")
    if verb == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if verb == "exit":
        os._exit(3)
    if verb == "hang":
        time.sleep(600)
    if verb == "print":
        os.write(2, b"LZWDecode: Not enough data at scanline 0\n")
    if verb == "fail":
        raise ValueError(rest)
    if verb == "once":  # dies the first time it is tried
        mark = Path(rest)
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return f"done {rest}"


def lost(task: str, reason: str) -> str:
    return f"lost {task}: {reason}"


def unpickled() -> None:
    raise RuntimeError("this worker never gets ready")


class Unready:
    """Cannot be rebuilt in another process."""

    def __reduce__(self) -> tuple[object, tuple[()]]:
        return unpickled, ()

    def __call__(self, task: str) -> str:
        return task


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_order(workers):
    tasks = [f"do {number}" for number in range(50)]
    assert list(ordered_map(work, tasks, lost, workers=workers, chunk=4)) == [f"done {number}" for number in range(50)]


@pytest.mark.parametrize("workers", [0, 2])
def test_nothing_to_do(workers):
    assert list(ordered_map(work, [], lost, workers=workers)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_an_exception_is_a_result(workers):
    found = list(ordered_map(work, ["do 1", "fail here", "do 2"], lost, workers=workers))
    assert found == ["done 1", "lost fail here: ValueError: here", "done 2"]


def test_what_c_libraries_print_stays_inside(capfd):
    assert list(ordered_map(work, ["print 1"], lost, workers=1)) == ["done 1"]
    assert capfd.readouterr().err == ""


def test_the_task_that_kills_its_worker_is_the_only_one_lost():
    tasks = [f"do {number}" for number in range(40)]
    tasks[0], tasks[17], tasks[18], tasks[39] = "die a", "die b", "exit c", "die d"
    found = list(ordered_map(work, tasks, lost, workers=2, chunk=4))
    for place, result in enumerate(found):
        if place in (0, 17, 39):
            assert result == f"lost {tasks[place]}: its process was ended by SIGKILL"
        elif place == 18:
            assert result == "lost exit c: its process ended with exit code 3"
        else:
            assert result == f"done {place}"


def test_a_worker_that_died_of_something_else_costs_nothing(tmp_path):
    assert list(ordered_map(work, [f"once {tmp_path / 'mark'}"], lost, workers=1)) == [f"done {tmp_path / 'mark'}"]


def test_a_task_that_never_ends_is_given_up():
    tasks = ["do 1", "hang", "do 2", "do 3"]
    found = list(ordered_map(work, tasks, lost, workers=1, patience=2.0))
    assert found == ["done 1", "lost hang: it took longer than 2 seconds", "done 2", "done 3"]


def test_leaving_early_ends_the_workers():
    results = ordered_map(work, ["do 1"] + ["hang"] * 20, lost, workers=2, chunk=2)
    assert next(results) == "done 1"
    assert multiprocessing.active_children()
    results.close()
    assert not multiprocessing.active_children()


def test_no_more_is_read_ahead_than_agreed(tmp_path):
    tasks = [f"once {tmp_path / str(number)}" for number in range(200)]
    for number in range(200):
        (tmp_path / str(number)).touch()
    results = ordered_map(work, tasks, lost, workers=1, chunk=2)
    next(results)
    assert results.gi_frame.f_locals["pool"]._next <= 1 + 4 * 2
    results.close()


def test_workers_that_cannot_start_are_one_sentence(capfd):
    with pytest.raises(CoreError, match="set the number of workers to 0"):
        list(ordered_map(Unready(), ["a"], lost, workers=1))
    assert not multiprocessing.active_children()
    capfd.readouterr()  # the child's own last words


SCRIPT = """
import multiprocessing
from core.images.workers import ordered_map
from tests.core.images.test_workers import lost, work

if __name__ == "__main__":
    try:
        for result in ordered_map(work, ["do 1"] + ["hang"] * 9, lost, workers=2, chunk=2):
            print(result, flush=True)
    except KeyboardInterrupt:
        print("stopped,", len(multiprocessing.active_children()), "left", flush=True)
"""


def children_of(pid: int) -> list[str]:
    return [child for thread in Path(f"/proc/{pid}/task").glob("*/children") for child in thread.read_text().split()]


@pytest.mark.skipif(os.name != "posix", reason="process groups and Ctrl-C as POSIX has them")
@pytest.mark.parametrize("when", ["working", "starting"])
def test_ctrl_c_ends_everything_without_a_trace(tmp_path, when):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,  # a terminal sends Ctrl-C to the whole group
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # ignored where a shell began this
    )
    assert process.stdout is not None
    if when == "working":
        assert process.stdout.readline() == "done 1\n"
    else:
        if not Path("/proc/self/task").exists():
            process.kill()
            process.communicate()
            pytest.skip("needs /proc to see the children start")
        deadline = time.monotonic() + 120
        while len(children_of(process.pid)) < 3 and time.monotonic() < deadline:  # tracker and two workers
            time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert out.endswith("stopped, 0 left\n")
    assert err == ""
