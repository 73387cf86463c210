"""Jobs: the book's rules by hand, and real workers that are killed while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions, options_from_json
from core.errors import SettingsError, WorkspaceError
from core.jobs.asking import ask, book, log_tail, retry
from core.jobs.book import MOST_ATTEMPTS
from core.jobs.keeping import Keeper
from core.jobs.queue import Queue
from core.jobs.worker import Worker, lane_lock
from core.workspace import open_workspace
from tests.small import make_collection

ROOT = Path(__file__).parents[3]


@pytest.fixture
def table(tmp_path):
    return make_collection(tmp_path / "data", dives=6, frames=2)


def importing(space, table, name="d", **more):
    return ask(space, "import", f"Import {name}", {"source": str(table), "dataset": name, **more}, actor="test")


@contextmanager
def process(space, lane="files"):
    command = [sys.executable, "-m", "core.jobs.worker", str(space.root), lane]
    running = subprocess.Popen(command, cwd=ROOT)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def wait(space, job_id, *states):
    for _ in range(4800):
        job = book(space).job(job_id)
        if job.state in states:
            return job
        time.sleep(0.05)
    raise AssertionError(f"job {job_id} is {book(space).job(job_id)}")


def test_asking_twice_under_one_key_is_asking_once(space):
    first = ask(space, "import", "one", {}, actor="a", key="k")
    assert ask(space, "import", "two", {}, actor="b", key="k").id == first.id
    assert [job.title for job in book(space).jobs()] == ["one"]


def test_an_unknown_kind_is_refused(space):
    with pytest.raises(SettingsError, match="a job is one of"):
        ask(space, "dance", "", {}, actor="a")


def test_many_who_want_one_job_get_it_once(space):
    job = ask(space, "import", "one", {}, actor="a")
    got = []
    threads = [threading.Thread(target=lambda: got.append(book(space).claim(job.id))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(item is not None for item in got) == 1


def test_waiting_jobs_are_cancelled_at_once_and_retried(space):
    job = ask(space, "import", "one", {}, actor="a")
    book(space).request_cancel(job.id)
    assert book(space).job(job.id).state == "cancelled"
    assert book(space).claim(job.id) is None
    retry(space, job.id)
    assert book(space).job(job.id).state == "waiting"
    retry(space, job.id)  # not failed: nothing happens
    assert book(space).claim(job.id).attempts == 1


def test_orphans_wait_again_and_are_given_up_in_the_end(space):
    found = book(space)
    job = ask(space, "import", "one", {}, actor="a")
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert found.claim(job.id).attempts == attempt
        waiting = found.recover("files")
        assert waiting == ([job.id] if attempt < MOST_ATTEMPTS else [])
    assert found.job(job.id).state == "failed"
    assert "3 times" in found.job(job.id).error


def test_orphans_of_another_lane_are_left_alone(space):
    job = ask(space, "import", "one", {}, actor="a")
    book(space).claim(job.id)
    book(space).recover("compute")
    assert book(space).job(job.id).state == "running"


def test_a_lane_is_held_once(space):
    with lane_lock(space.root, "files", lambda: False) as held:
        assert held
        tries = iter([False, False, True])
        with lane_lock(space.root, "files", lambda: next(tries)) as second:
            assert not second
    with lane_lock(space.root, "files", lambda: False) as again:
        assert again


def test_messages_are_plain_data(space):
    import sqlite3

    queue = Queue(space.root, "files")
    queue.put(7)
    with sqlite3.connect(space.root / "jobs" / "queue.sqlite") as connection:
        (body,) = connection.execute("select data from task").fetchone()
    connection.close()
    assert body.startswith(b"[")
    assert b"[7]" in body
    queue.close()


def test_an_import_is_done_and_said(space, table):
    job = importing(space, table, licence="CC BY 4.0", citation="Us, 2024")
    Worker(space, "files").work(until_idle=True)
    done = book(space).job(job.id)
    assert (done.state, done.error) == ("done", "")
    assert (done.stage, done.done, done.total) == ("import", 12, 12)
    assert done.result["counts"]["new"] == 12
    assert space.datasets()[0].images == 12
    assert any("import done" in line for line in log_tail(space.root, job.id))


def test_a_job_that_cannot_be_done_says_why_and_the_next_is_done(space, table, tmp_path):
    bad = importing(space, tmp_path / "nothing.csv", "bad")
    lacking = ask(space, "import", "x", {}, actor="a")
    good = importing(space, table, "good")
    Worker(space, "files").work(until_idle=True)
    assert "there is no file" in book(space).job(bad.id).error
    assert "lacks 'source'" in book(space).job(lacking.id).error
    assert book(space).job(good.id).state == "done"


def test_a_lost_message_is_made_again_when_a_worker_starts(space, table):
    job = importing(space, table)
    queue = Queue(space.root, "files")
    queue.flush()
    queue.close()
    Worker(space, "files").work(until_idle=True)
    assert book(space).job(job.id).state == "done"


def test_killed_while_it_imports_the_next_worker_goes_on(space, tmp_path):
    table = make_collection(tmp_path / "many", dives=30, frames=8)
    job = importing(space, table)
    with process(space) as first:
        wait(space, job.id, "running")
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert book(space).job(job.id).state == "running"  # nobody could say that it died
    with process(space):
        done = wait(space, job.id, "done", "failed")
    assert (done.state, done.attempts) == ("done", 2)
    alone = open_workspace(tmp_path / "alone")
    import_images(alone, plan_import(table, ReadOptions()), dataset="d", actor="t", now=done.created_at, workers=1)
    assert facts(space) == facts(alone)
    alone.close()


def facts(space):
    return [
        (entry.name, entry.content_hash, entry.width, entry.height)
        for number in range(1, 2000)
        if (entry := space.image(number)) is not None
    ]


@pytest.mark.skipif(os.name != "posix", reason="signals of this kind are POSIX only")
def test_asked_to_end_it_gives_its_job_back(space, tmp_path):
    job = importing(space, make_collection(tmp_path / "many", dives=60, frames=10))
    with process(space) as first:
        wait(space, job.id, "running")
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=120) == 0
    left = book(space).job(job.id)
    assert left.state in ("waiting", "done")
    assert left.attempts == (0 if left.state == "waiting" else 1)


def test_a_keeper_starts_a_dead_worker_again_and_ends_them_all(space, table):
    keeper = Keeper(space.root, dict(os.environ, PYTHONPATH=str(ROOT)))
    keeper.start()
    try:
        first = until(lambda: keeper.processes().get("files"))
        job = importing(space, table)
        wait(space, job.id, "done")
        os.kill(first, signal.SIGKILL)
        second = until(lambda: (pid := keeper.processes().get("files")) != first and pid)
        again = importing(space, table, "e")
        wait(space, again.id, "done")
        assert second != first
    finally:
        keeper.stop()
    assert keeper.processes() == {}


def until(ask_for):
    for _ in range(2400):
        found = ask_for()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never happened")


def test_options_of_an_import_travel_as_json(tmp_path):
    options = ReadOptions(images=tmp_path, on="a=b", timezone="Asia/Tokyo", clock_offset=3.5, folder_labels=True)
    assert options_from_json(options.to_json()) == options
    assert ReadOptions().to_json() == {}
    with pytest.raises(SettingsError, match="not of this version"):
        options_from_json({"new": 1})


def test_a_job_that_is_not_there(space):
    with pytest.raises(WorkspaceError, match="there is no job 9"):
        book(space).job(9)


KEEPING = """
import sys, time
from pathlib import Path
from core.jobs.keeping import Keeper
keeper = Keeper(Path(sys.argv[1]))
keeper.start()
while len(keeper.processes()) < 2:
    time.sleep(0.01)
print(*keeper.processes().values(), flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who goes on")
@pytest.mark.parametrize("at_once", [False, True], ids=["later", "at once"])
def test_a_server_killed_hard_takes_its_workers_along_and_the_next_one_goes_on(space, tmp_path, at_once):
    """Killed while a job is done, or at once, while its workers have not even begun."""
    table = make_collection(tmp_path / "many", dives=60, frames=10)
    job = importing(space, table)
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    command = [sys.executable, "-c", KEEPING, str(space.root)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
        workers = [int(word) for word in server.stdout.readline().split()]
        if not at_once:
            wait(space, job.id, "running")
        server.kill()
    until(lambda: not any(alive(pid) for pid in workers))
    left = book(space).job(job.id)
    assert left.state in ("waiting", "done")
    later = importing(space, table, "later")
    keeper = Keeper(space.root, environment)
    keeper.start()
    try:
        assert wait(space, later.id, "done").attempts == 1
    finally:
        keeper.stop()
    done = book(space).job(job.id)
    assert (done.state, done.attempts, done.result["counts"]["images"]) == ("done", 1, 600)
    assert sum(": begins" in line for line in log_tail(space.root, job.id)) == 1


def alive(pid):
    """Whether a process that is not our child goes on; one that ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
