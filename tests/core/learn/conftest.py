"""A workspace of drawn pictures whose concepts can be learnt, and a model of it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions
from core.learn.models import load_model
from core.learn.recipes import preset_settings
from core.learn.training import train_model
from core.settings import EmbedSettings
from core.workspace import open_workspace

KEY = [("crab", "crustacean"), ("shrimp", "crustacean"), ("star", "")]


def picture(names, seed):
    """Red squares are crabs, green discs shrimps, blue crosses stars, on a ground that differs from dive to dive."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (96, 64), tuple(int(v) for v in rng.integers(60, 110, 3)))
    pen = ImageDraw.Draw(image)
    for name in names:
        x, y = int(rng.integers(4, 70)), int(rng.integers(4, 40))
        if name == "crab":
            pen.rectangle((x, y, x + 20, y + 20), fill=(230, 30, 30))
        elif name == "shrimp":
            pen.ellipse((x, y, x + 20, y + 20), fill=(20, 220, 40))
        else:
            pen.line((x, y, x + 20, y + 20), fill=(40, 60, 250), width=6)
            pen.line((x, y + 20, x + 20, y), fill=(40, 60, 250), width=6)
    return image


def make_source(folder, dives=14, frames=5):
    """Pictures and a table of them; labels are drawn at random, dives are the groups."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(5)
    rows = []
    for dive in range(dives):
        for frame in range(frames):
            names = [name for name, _ in KEY if rng.random() < 0.45] or ["star"]
            name = f"d{dive:02d}_{frame}.png"
            picture(names, 100 * dive + frame).save(folder / "images" / name)
            rows.append([name, f"D{dive:02d}", 100 + 60 * dive, ";".join(names)])
    with (folder / "frames.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["filename", "dive", "depth_m", "labels"], *rows])
    with (folder / "key.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[place + 1, name, parent] for place, (name, parent) in enumerate(KEY)]
        csv.writer(file).writerows([["id", "name", "supercat"], *lines])
    return folder / "frames.csv"


def bring_in(workspace, table, dataset="dives", key=True):
    options = ReadOptions(
        images=table.parent / "images", group="dive", category_key=table.parent / "key.csv" if key else None
    )
    import_images(
        workspace, plan_import(table, options), dataset=dataset, actor="test", now=datetime.now(UTC), workers=1
    )


def silent_for(stage, unit):
    return lambda done, total: None


BODY = EmbedSettings(embedder="demo", device="cpu", batch=8)


@pytest.fixture(scope="session")
def learnt(tmp_path_factory):
    """``(workspace, trained)``: the recommended preset on 70 pictures of 14 dives. Only to be read."""
    folder = tmp_path_factory.mktemp("learn")
    table = make_source(folder / "source")
    workspace = open_workspace(folder / "ws")
    bring_in(workspace, table)
    settings = preset_settings("recommended", ("dives",), BODY, short_side=64)
    trained = train_model(workspace, settings, "first", workers=1, progress_for=silent_for)
    yield workspace, trained
    workspace.close()


@pytest.fixture(scope="session")
def model(learnt):
    return load_model(learnt[1].folder, device="cpu")
