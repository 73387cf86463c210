"""A workspace with labels of every shape, decisions and a model's statement."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions
from core.catalogue.regions import dataset_ids, ensure_regions, region_table
from core.catalogue.schema import Annotation, Concept, new_uid
from core.review.deciding import Act, decide
from core.settings import RegionSettings, RunSettings
from core.workspace import Workspace, open_workspace
from tests.dashboard.synthetic import invented, picture, write_run

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = "=cmd|' /C calc'!A0"
POLYGON = [10.5, 20, 60, 22, 40.25, 70]


def make(folder: Path) -> Workspace:
    """Six pictures of three dives; the last is labelled with nothing."""
    images = []
    for at in range(6):
        name = f"dive {at // 2}/frame;{at}.jpg"
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        picture(at, [at % 3], 100.0).save(folder / "images" / name)
        images.append(
            {
                "id": at + 1,
                "file_name": name,
                "width": 320,
                "height": 180,
                "taken_at": f"2024-05-01T10:00:0{at}Z",
                "latitude": 36.5 + at / 1000,
                "longitude": -122.25,
                "depth_m": 812.5 + at,
                "altitude_m": 2.5,
                "camera": "cam A",
                "site": "ridge, north",
                "dive": f"dive {at // 2}",
            }
        )
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30.5, 40]},
        {"id": 2, "image_id": 1, "category_id": 2, "segmentation": [POLYGON]},
        {"id": 3, "image_id": 2, "category_id": 1},
        {"id": 4, "image_id": 3, "category_id": 3, "bbox": [0, 0, 320, 180], "score": 0.75},
        {"id": 5, "image_id": 4, "category_id": 2, "bbox": [1, 2, 3, 4]},
    ]
    names = [("Solmissus", "Cnidaria"), ("brittle star, small", None), (HOSTILE, None)]
    categories = [
        {"id": at, "name": name} | ({"supercategory": parent} if parent else {})
        for at, (name, parent) in enumerate(names, start=1)
    ]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "coco.json").write_text(json.dumps(document))
    space = open_workspace(folder / "workspace")
    plan = plan_import(folder / "coco.json", ReadOptions(images=folder / "images", group="dive"))
    import_images(space, plan, dataset="drawn", actor="importer", now=NOW, workers=1)
    ids = dataset_ids(space.database, ["drawn"])
    ensure_regions(space.database, ids, RegionSettings())
    table = region_table(space.database, ids, RegionSettings())
    judged, flag = invented(table, (table["group"] == "dive 0").to_numpy())
    write_run(space, RunSettings(("drawn",)), "Drawn", judged, flag)
    regions = judged["region_id"].tolist()
    decide(
        space.database,
        Act(
            "publish-1",
            "Ada Ørsted",
            1,
            "taxon",
            regions=(regions[4],),
            concept="Solmissus",
            boxes=({"x": 5, "y": 6, "w": 50, "h": 60.5},),
            note=HOSTILE,
        ),
        now=NOW,
    )
    decide(space.database, Act("publish-2", "Ada Ørsted", 1, "new", regions=(regions[1],)), now=NOW)
    decide(space.database, Act("publish-3", "Bob", 1, "gear", regions=(regions[3],)), now=NOW)
    with space.database.write() as session:
        concept = session.scalar(select(Concept.id).where(Concept.name == "Solmissus"))
        values = {"uid": new_uid(), "image_id": 2, "concept_id": concept, "score": 0.875, "source": "model"}
        box = {"type": "box", "x": 100, "y": 50, "w": 20, "h": 10}
        row = values | {"geometry": box, "model": "resnet50 v2", "run_id": 1, "actor": "model", "created_at": NOW}
        session.execute(insert(Annotation), [row])
    return space


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The workspace and its run; read only."""
    folder = tmp_path_factory.mktemp("published")
    space = make(folder)
    yield space, space.open_run(1), folder / "images"
    space.close()
