"""A drawn workspace in which models were trained, asked and judged."""

from __future__ import annotations

from pathlib import Path

from core.assess.judging import Question, evaluate_model
from core.assess.storing import add_strain
from core.assess.strain import strain
from core.assess.telling import strain_json
from core.learn.models import load_model
from core.learn.predicting import predict_regions
from core.workspace import open_workspace
from tests.dashboard.synthetic import make_workspace
from tests.probes import make_model

QUESTION = Question(("drawn",), outside=("depth_m>=700",), resamples=60)


def make_taught(folder: Path) -> Path:
    """Models ``keen`` and ``stiff`` over 60 drawn pictures; evaluation 1 (with strain) and 2; run 1 predicted."""
    place = make_workspace(folder, 12, 5, parts=False)
    space = open_workspace(place)
    for name, decay in (("keen", 1e-2), ("stiff", 5.0)):
        model = load_model(make_model(space, name, "drawn", held_out=0.4, decay=decay), device="cpu")
        kept, judged = evaluate_model(space, model, QUESTION, actor="tester", workers=1)
        if name == "keen":
            jobs = dict(zip(judged.cases.keys.tolist(), judged.examples.jobs, strict=True))
            ordered = tuple(jobs[key] for key in kept.cases.keys.tolist())
            found = strain(model, kept.cases, ordered, regions=8, resamples=20, workers=1)
            add_strain(kept, strain_json(found), found)
            predict_regions(space, model, run=space.open_run(1), workers=1)
    space.close()
    return place
