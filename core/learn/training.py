"""Training, start to end: examples, split, fit, choose, store.

The contract:
- groups are on one side only: training, validation (thresholds, calibration, when to stop) or held out (never looked
  at here; evaluation may);
- the same settings and data give the same model on the same machine;
- an ensemble of folds: all groups but those held out are on both of the first sides, never for the same member;
- a model is stored whole or not at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError, WorkspaceError
from core.learn.bodies import body_facts
from core.learn.card import model_card
from core.learn.choosing import Chosen, choose
from core.learn.cropping import cropped
from core.learn.fitting import Learnt, ProgressFor, learn_by_folds, learn_once
from core.learn.gathering import Examples, gather
from core.learn.heads import HeadSpec, one_head
from core.learn.labels import LabelTree
from core.learn.learners import FrozenLearner, Learner
from core.learn.models import Model, model_folder, save_model
from core.learn.probing import check_answers
from core.learn.recipes import HeadWish, TrainSettings
from core.learn.splits import split_groups
from core.learn.tracking import check_tracking, track

if TYPE_CHECKING:
    from core.workspace import Workspace

SIDES = ("training", "validation", "held_out")


@dataclass(frozen=True)
class Trained:
    """A stored model.

    Attributes:
        folder: Where it lies.
        facts: Its ``model.json``, without format and weights.
        notes: Sentences for people about what was left out or is doubtful.
    """

    folder: Path
    facts: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        figures, groups = self.facts["figures"]["validation"], self.facts["data"]["groups"]
        value = figures["mean_average_precision"]
        told = "no concept could be judged" if value is None else f"mean average precision {value:.3f}"
        lines = [
            f"model {self.facts['name']}: {len(self.facts['label_tree'])} concepts from "
            f"{self.facts['data']['images']:,} images of {len(groups['training'])} groups",
            self._asked(told),
            self.facts["calibration_facts"]["sentence"],
            *self.notes,
        ]
        return "\n".join(lines)

    def _asked(self, told: str) -> str:
        images, groups = self.facts["figures"]["validation"]["images"], self.facts["data"]["groups"]["validation"]
        if (folds := int(self.facts["figures"].get("folds", 1))) > 1:
            return f"{folds} folds, each image asked of what its group did not teach: {told}"
        return f"on {images:,} validation images of {len(groups)} other groups: {told}"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "model": self.facts["name"],
            "folder": str(self.folder),
            "concepts": len(self.facts["label_tree"]),
            "folds": self.facts["figures"].get("folds", 1),
            "figures": self.facts["figures"],
            "calibration": self.facts["calibration_facts"],
            "rare": self.facts["data"]["rare"],
            "notes": list(self.notes),
        }


def train_model(
    workspace: Workspace,
    settings: TrainSettings,
    name: str,
    *,
    start: Model | None = None,
    tracked: bool = False,
    workers: int | None = None,
    progress_for: ProgressFor,
) -> Trained:
    """Train a model on labelled images of the workspace and store it in ``models/NAME``.

    Args:
        start: A model to begin from, for training of whole networks.
        tracked: Note it in MLflow too (`core.learn.tracking`).
        workers: Threads that read images.

    Raises:
        WorkspaceError: nothing is labelled, or no image can be opened.
        SettingsError: there is nothing to tell apart, or too few groups to keep any apart.
        ModelError: the weights do not fit.
    """
    folder = model_folder(workspace, name)
    if tracked:
        check_tracking()
    examples = gather(
        workspace,
        settings.datasets,
        where=settings.where,
        regions=settings.regions,
        rule=settings.rare,
        decisions=settings.decisions,
    )
    check_answers(examples.targets, examples.known)
    heads = wished_heads(settings.heads, examples.tree)
    sides = split_sides(examples, settings)
    known = head_known(examples.targets, examples.known, heads, examples.tree)
    examples = replace(examples, jobs=cropped(examples.jobs, settings.crop))
    work = folder.with_name(f".{folder.name}.training")
    learner = _learner(workspace, settings, examples, heads, known, workers, work, start)
    rows, reasons = learner.usable(progress_for("features", "regions"))
    if len(rows) == 0:
        raise WorkspaceError(f"no image can be opened: {next(iter(reasons.values()))}")
    opened = np.zeros(len(examples), bool)
    opened[rows] = True
    if settings.folds > 1:
        learnt = learn_by_folds(learner, examples, opened & (sides != 2), settings, progress_for)
    else:
        everything = opened if settings.refit_all else None
        learnt = learn_once(learner, opened & (sides == 0), opened & (sides == 1), everything, progress_for)
    # What reviewers decided was picked by them and names one thing: it teaches, and labelled images alone choose.
    chosen_by = examples.table["labelled"].to_numpy(bool)[learnt.rows]
    if not chosen_by.any():
        raise SettingsError("no labelled image is left to choose thresholds by; import labels of more groups")
    asked = learnt.rows[chosen_by]
    chosen = choose(
        learnt.logits[chosen_by],
        examples.targets[asked],
        known[asked],
        examples.groups[asked],
        heads,
        examples.tree,
        calibration=settings.calibration,
        rule=settings.thresholds,
        precision=settings.precision,
        seed=settings.seed,
    )
    leak = learnt.leak
    notes = [*examples.notes, *([leak.sentence] if leak is not None and leak.sentence else [])]
    if (folds := learnt.facts.get("folds", settings.folds)) < settings.folds:
        notes.append(f"{folds} folds instead of {settings.folds}: so many groups are not held out.")
    if reasons:
        notes.append(f"{len(reasons):,} images could not be opened: {next(iter(reasons.values()))}")
    facts = _facts(name, settings, examples, np.where(opened, sides, -1), heads, chosen, learnt)
    facts["notes"] = notes
    if leak is not None:
        facts["figures"]["leak"] = {"share": round(leak.share, 4), "images": leak.images}
    save_model(folder, facts, [(member.body, member.heads) for member in learnt.members], model_card(facts))
    shutil.rmtree(work, ignore_errors=True)
    if tracked:
        track(folder, facts, workspace.root / "mlruns")
    return Trained(folder, facts, tuple(notes))


def _learner(
    workspace: Workspace,
    settings: TrainSettings,
    examples: Examples,
    heads: Sequence[HeadSpec],
    known: NDArray[np.bool_],
    workers: int | None,
    work: Path,
    start: Model | None,
) -> Learner:
    if settings.method == "probe":
        if start is not None:
            raise SettingsError("a probe is fitted at once and begins nowhere; --init-from is for training networks")
        return FrozenLearner(workspace.root / "embeddings", settings, examples, heads, known, workers)
    from core.learn.networks import NetworkLearner

    return NetworkLearner(work, settings, examples, heads, known, workers, start)


def split_sides(examples: Examples, settings: TrainSettings) -> NDArray[np.int64]:
    """``[N]``: 0 training, 1 validation, 2 held out, by group.

    Raises:
        SettingsError: there are fewer than two groups.
    """
    count = len(np.unique(examples.groups))
    if count < 2:
        raise SettingsError(
            "all images are one group, so none can be kept apart to choose thresholds by; name smaller groups at "
            "import (--group, --group-pattern)"
        )
    shares = [1.0 - settings.validation - settings.held_out, settings.validation]
    if settings.held_out > 0 and count >= 3:
        shares.append(settings.held_out)
    return split_groups(examples.targets & examples.known, examples.groups, shares, seed=settings.seed)


def wished_heads(wishes: Sequence[HeadWish], tree: LabelTree) -> tuple[HeadSpec, ...]:
    """The heads asked for, with the concepts below theirs; what nobody asked for goes into one more `multi` head.

    Raises:
        SettingsError: a concept is unknown or asked for twice, or a `single` head has fewer than two.
    """
    if not wishes:
        return one_head(tree)
    taken: dict[int, str] = {}
    heads = []
    for wish in wishes:
        named = [tree.index(concept) for concept in wish.concepts]
        columns = [place for place in range(len(tree)) if any(one in named for one in _upwards(tree, place))]
        for column in columns:
            if column in taken:
                raise SettingsError(f"{tree.names[column]!r} is in the heads {taken[column]!r} and {wish.name!r}")
            taken[column] = wish.name
        head = HeadSpec(wish.name, wish.kind, tuple(columns))
        if wish.kind == "single" and len(head.answering(tree)) < 2:
            raise SettingsError(f"the head {wish.name!r} has one concept, so there is nothing to tell apart; name more")
        heads.append(head)
    rest = tuple(place for place in range(len(tree)) if place not in taken)
    return (*heads, HeadSpec("others", "multi", rest)) if rest else tuple(heads)


def _upwards(tree: LabelTree, place: int) -> list[int]:
    found = [place]
    while tree.parents[found[-1]] >= 0:
        found.append(tree.parents[found[-1]])
    return found


def head_known(
    targets: NDArray[np.bool_], known: NDArray[np.bool_], heads: Sequence[HeadSpec], tree: LabelTree
) -> NDArray[np.bool_]:
    """`known`, but an image without exactly one answer of a `single` head is unknown to that head."""
    result = known.copy()
    for head in heads:
        if head.kind == "single":
            unclear = targets[:, head.answering(tree)].sum(1) != 1
            result[np.ix_(unclear, list(head.columns))] = False
    return result


def _facts(
    name: str,
    settings: TrainSettings,
    examples: Examples,
    sides: NDArray[np.int64],
    heads: Sequence[HeadSpec],
    chosen: Chosen,
    learnt: Learnt,
) -> dict[str, Any]:
    tree, values = examples.tree, chosen.thresholds.values
    groups = {
        side: [examples.group_names[group] for group in np.unique(examples.groups[sides == place])]
        for place, side in enumerate(SIDES)
    }
    if settings.folds > 1:  # every group that is not held out taught some members and was asked of another
        taught = sorted({*groups["training"], *groups["validation"]})
        groups = groups | {"training": taught, "validation": taught}
    if settings.refit_all:
        groups = groups | {"training": sorted(name for names in groups.values() for name in names), "held_out": []}
    bodies = [body_facts(member.body, member.pooling) for member in learnt.members]
    return {
        "name": name,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": settings.to_json(),
        "architecture": {"method": settings.method, "bodies": bodies},
        "preprocessing": {"crop": settings.crop, "regions": str(settings.regions)},
        "label_tree": tree.to_json(),
        "heads": [head.to_json() for head in heads],
        "calibration": chosen.calibration.to_json(),
        "calibration_facts": chosen.facts,
        "thresholds": {
            "rule": settings.thresholds,
            "values": [round(float(value), 6) for value in values],
            "shared": [tree.names[place] for place in np.flatnonzero(chosen.thresholds.shared)],
            "common": round(chosen.thresholds.common, 6),
            "fallback": settings.fallback,
        },
        "data": {
            "datasets": list(settings.datasets),
            "where": list(settings.where),
            "regions": str(settings.regions),
            "hash": examples.data_hash,
            "images": int((sides >= 0).sum()),
            "counts": dict(zip(tree.names, examples.targets.sum(0).tolist(), strict=True)),
            "rare": [fate.to_json() for fate in examples.rare],
            "groups": groups,
        },
        "figures": {"validation": chosen.figures} | learnt.facts,
    }
