"""How long pages take: a warm rerun of each, and the first draw, at 17 thousand and a million regions; and the gallery.

``python -m benchmarks.pages rerun --regions 17000`` writes a synthetic run into a folder of its own and draws each page
in this process, as the server would: the first draw, then warm reruns with another condition each time, so that
nothing that is kept for a condition helps. ``--workspace`` measures a real workspace instead.
``python -m benchmarks.pages gallery --workspace DIR`` measures the gallery against the same pictures as 200 ``<img>``
in a headless Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import append_result

PAGES = ("", "browse", "map", "duplicates", "outliers", "clusters", "review", "drift", "tour", "help")
NARROWED = ("", "browse", "map", "duplicates")
"""Pages that show the current selection."""


def limit(regions: int) -> float:
    """Seconds that a warm rerun may take."""
    return 0.3 if regions <= 17_000 else 1.0


CONCEPTS = [f"concept {number}" for number in range(60)]


def synthetic(folder: Path, regions: int) -> Path:
    """A workspace with one run of that many whole images, without their files."""
    import pandas as pd

    from core.artefacts import digest
    from core.settings import RunSettings
    from core.workspace import open_workspace
    from tests.dashboard.synthetic import Embeddings, Graph

    rng = np.random.default_rng(1)
    groups = max(20, regions // 500)
    group = np.sort(rng.integers(0, groups, regions))
    depth = np.where(rng.random(regions) < 0.02, np.nan, 20 + 3000 * (group * 7919 % groups) / groups)
    depth = depth + rng.normal(0, 15, regions)
    lists = [sorted({CONCEPTS[int(value)] for value in row}) for row in rng.geometric(0.09, (4096, 3)) % 60]
    reference = depth < 1800
    score = np.clip(rng.gamma(6, 0.02, regions) + np.where(reference, 0, 0.05), 0, 2).astype(np.float32)
    known = np.sort(score[reference])
    p_value = (1 + len(known) - np.searchsorted(known, score)) / (len(known) + 1)
    cluster = np.where(rng.random(regions) < 0.2, -1, (group * 31) % 80).astype(np.int32)
    angle = cluster * 0.7
    at = np.datetime64("2019-01-01", "us") + (group * 3600 * 9 + rng.integers(0, 20_000, regions)).astype("m8[s]")
    ids = np.arange(1, regions + 1)
    table = pd.DataFrame(
        {
            "region_id": ids,
            "image_id": ids,
            "dataset": "synthetic",
            "path": [f"dive-{g:05d}/frame-{i:07d}.jpg" for i, g in zip(ids, group, strict=True)],
            "region": "image",
            **dict.fromkeys(("box_x", "box_y", "box_w", "box_h"), np.nan),
            "width": 1920,
            "height": 1080,
            "content_hash": "0" * 32,
            "taken_at": pd.Series(at).dt.tz_localize("UTC"),
            "latitude": 36 + rng.random(regions),
            "longitude": -122 - rng.random(regions),
            "depth_m": depth,
            "altitude_m": np.nan,
            "camera": np.array(["cam A", "cam B", "cam C"])[group % 3],
            "site": np.array([f"site {n}" for n in range(25)])[group % 25],
            "group": np.array([f"dive {n}" for n in range(groups)])[group],
            "labelled": rng.random(regions) < 0.8,
            "concepts": [lists[i] for i in rng.integers(0, len(lists), regions)],
            "set": np.where(reference, "reference", "target"),
            "ood_score": score,
            "ood_percentile": 100 * np.searchsorted(known, score, side="right") / len(known),
            "p_value": p_value,
            "flagged": p_value <= 0.05,
            "x": (8 * np.cos(angle) + rng.normal(0, 0.6, regions)).astype(np.float32),
            "y": (8 * np.sin(angle) + rng.normal(0, 0.6, regions)).astype(np.float32),
            "cluster": cluster,
            "cluster_probability": rng.random(regions).astype(np.float32),
            "cluster_outlier_score": rng.random(regions).astype(np.float32),
            "brightness": rng.random(regions),
            "sharpness": rng.random(regions),
        }
    )
    space = open_workspace(folder)
    settings = RunSettings(("synthetic",), ("depth_m<1800",))
    info = space.journal.start("Synthetic", digest(str(regions)), settings, "benchmark")
    key = digest("synthetic", str(regions))
    near = np.clip(ids[:, None] - 1 + np.arange(16)[None, :], 0, regions - 1)
    far = np.sort(rng.gamma(2, 0.02, (regions, 16)).astype(np.float32), axis=1)
    far[:, 0] = 0
    space.artefacts.save("graph_all", key, Graph(near.astype(np.int32), far))
    space.artefacts.save("graph_reference", key, Graph(near.astype(np.int32)[:, 1:], far[:, 1:] + np.float32(0.01)))
    space.artefacts.save("embeddings", key, Embeddings(rng.normal(size=(regions, 32)).astype(np.float32)))
    space.run_folder(info.id).mkdir(parents=True)
    table.to_parquet(space.run_folder(info.id) / "regions.parquet", index=False)
    flag = {"flag_rule": "conformal p<=0.05", "alpha": 0.05, "groups": groups, "certified": True, "smallest_p": 1e-3}
    manifest = {
        "key": key,
        "settings": settings.to_json(),
        "counts": {},
        "k": 10,
        "flag": {**flag, "threshold": float(np.quantile(known, 0.95)), "sentence": "Flagged means p ≤ 0.05."},
        "lacking": {},
        "failures": [],
        "embedder": {"name": "demo"},
        "artefacts": dict.fromkeys(("embeddings", "graph_all", "graph_reference"), key),
    }
    (space.run_folder(info.id) / "manifest.json").write_text(json.dumps(manifest))
    space.journal.finish(info.id, {})
    space.close()
    return folder


def rerun(workspace: Path, pages: tuple[str, ...], repeats: int) -> dict[str, Any]:
    """First draw and warm reruns of each page, in seconds."""
    from streamlit import config
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    from dashboard import shell, state

    config.set_option("runner.postScriptGC", False)  # as `core.serving` starts the server

    os.environ[state.WORKSPACE_VARIABLE] = str(workspace)
    main = Path(shell.__file__).with_name("main.py")
    found: dict[str, Any] = {}
    regions = 0
    for place, page in enumerate(pages):
        app = AppTest.from_file(str(main), default_timeout=280)
        if page:
            app._page_hash = calc_hash(page)
        began = time.perf_counter()
        app.run()
        first = time.perf_counter() - began
        if not regions:
            space = state.workspace()
            regions = len(state.open_run(space, space.runs()[0]).table)
        times = {"same": [], "narrowed": []}  # type: dict[str, list[float]]
        for turn in range(repeats):
            for kind in times:
                if kind == "narrowed":
                    if page not in NARROWED:
                        continue
                    app.query_params["depth"] = f"{100 + 50 * turn + 7 * place}..{1500 + 40 * turn}"
                began = time.perf_counter()
                app.run()
                times[kind].append(time.perf_counter() - began)
        if app.exception:
            found[page or "overview"] = {"failed": app.exception[0].message}
            print(f"{page or 'overview'} failed: {app.exception[0].message}", flush=True)
            continue
        found[page or "overview"] = {
            "first": round(first, 3),
            **{
                kind: [round(value, 3) for value in (statistics.median(taken), min(taken), max(taken))]
                for kind, taken in times.items()
                if taken
            },
        }
        print(f"{page or 'overview':12} {found[page or 'overview']}", flush=True)
    most = limit(regions)
    slow = [
        f"{page} ({kind})"
        for page, taken in found.items()
        for kind in ("same", "narrowed")
        if kind in taken and taken[kind][0] > most
    ]
    print(f"{regions:,} regions, warm reruns within {most} s: all but {', '.join(slow) or 'none'}")
    return {"regions": regions, "repeats": repeats, "seconds": found, "limit": most, "slower": slow}


_EVERY = """const all = (root) => [...root.querySelectorAll('*')]
  .flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);"""
"""Every element of a page, also those inside components."""


def gallery(workspace: Path) -> dict[str, Any]:
    """Milliseconds until all pictures in view are drawn: our gallery of 200 and of 10,000 against 200 ``<img>``."""
    from tests.browser import driver

    figures: dict[str, Any] = {}
    app = Path(driver.__file__).with_name("gallery_app.py")
    with driver.server(workspace, app) as address, driver.browsers() as browsers:
        for name, count in (("gallery of 200", 200), ("gallery of 10,000", 10_000)):
            figures[name] = [_gallery(browsers, address, count) for _ in range(5)]
        figures["200 img"] = [_images(browsers, address) for _ in range(5)]
        figures["scroll"] = _scroll(browsers, address)
    plain = statistics.median(figures["200 img"])
    figures["ratio"] = {
        name: round(plain / statistics.median(figures[name]), 1) for name in ("gallery of 200", "gallery of 10,000")
    }
    print(f"as 200 <img> take {plain:.0f} ms, times as fast: {figures['ratio']}")
    return figures


def _gallery(browsers: Any, address: str, count: int) -> float:
    """From the component's first breath to the last picture in view, with the sheets already made by the server."""
    with browsers.page() as (page, _):
        page.goto(f"{address}/?count={count}")
        page.wait_for_selector(".cell:not(.waiting)")
        return float(
            page.evaluate(
                f"""async () => {{ {_EVERY}
                  const entries = (name) => performance.getEntriesByType('resource')
                    .filter((e) => e.name.includes(name));
                  const began = entries('gallery.js')[0].startTime;
                  const waits = () => all(document).some((e) => e.matches('.cell.waiting'));
                  while (waits()) await new Promise(requestAnimationFrame);
                  return Math.max(...entries('/sheet/').map((e) => e.responseEnd)) - began;
                }}"""
            )
        )


def _images(browsers: Any, address: str) -> float:
    """200 thumbnails of the same pictures as plain images, all in the window's reach."""
    with browsers.page() as (page, _):
        page.goto(f"{address}/?count=1")
        page.wait_for_selector(".cell:not(.waiting)")
        return float(
            page.evaluate(
                """async () => {
                  const began = performance.now();
                  const box = document.body.appendChild(document.createElement('div'));
                  const images = [...Array(200).keys()].map((n) => {
                    const image = box.appendChild(new Image());
                    image.src = `/bs/thumb/${n + 1}?anew=${began}`;
                    return image;
                  });
                  await Promise.all(images.map((image) => image.decode().catch(() => 0)));
                  return performance.now() - began;
                }"""
            )
        )


def _scroll(browsers: Any, address: str) -> dict[str, float]:
    """Frames while ten thousand pictures scroll by for three seconds."""
    with browsers.page() as (page, _):
        page.goto(f"{address}/?count=10000")
        page.wait_for_selector(".cell:not(.waiting)")
        return dict(
            page.evaluate(
                f"""async () => {{ {_EVERY}
                  const view = all(document).find((e) => e.classList.contains('view'));
                  const times = [];
                  let last = performance.now();
                  const until = last + 3000;
                  while (last < until) {{
                    await new Promise(requestAnimationFrame);
                    const now = performance.now();
                    times.push(now - last);
                    last = now;
                    view.scrollTop += 60;
                  }}
                  times.sort((a, b) => a - b);
                  return {{ median_ms: times[times.length >> 1], p95_ms: times[Math.floor(times.length * 0.95)],
                    cells: view.querySelectorAll('.cell').length }};
                }}"""
            )
        )


def main() -> None:
    """Read the command line, measure, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "rerun", "gallery"])
    parser.add_argument("--regions", type=int, default=17_000)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--pages", nargs="*", default=list(PAGES), help="addresses; the first page is 'overview'")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    if asked.what == "make":
        print(synthetic(asked.workspace, asked.regions))
        return
    with tempfile.TemporaryDirectory() as folder:
        if asked.what == "gallery":
            figures = gallery(asked.workspace)
        else:
            pages = tuple("" if page == "overview" else page for page in asked.pages)
            workspace = asked.workspace or synthetic(Path(folder) / "workspace", asked.regions)
            figures = rerun(workspace, pages, asked.repeats)
    print(json.dumps(figures, indent=1))
    append_result("pages", {"what": asked.what, **figures}, packages=("streamlit", "pandas", "numpy"))


if __name__ == "__main__":
    main()
