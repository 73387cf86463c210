"""The model card: what a model is, was trained on and can be trusted with, in words (Mitchell et al. 2019, arXiv
1810.03993)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.processing.steps import in_words


def model_card(facts: Mapping[str, Any]) -> str:
    """Markdown from a model's facts; names of concepts and datasets are text and cannot become markup."""
    data, figures = facts["data"], facts["figures"]["validation"]
    groups, body = data["groups"], facts["architecture"]["bodies"][0]
    value = figures["mean_average_precision"]
    rare = [
        f"- Rare: {_text(one['name'])} ({one['images']} images, {one['groups']} groups): {_text(one['outcome'])}."
        for one in data["rare"]
    ]
    lines = [
        f"# {_text(facts['name'])}",
        "",
        f"Made {facts['created_at']} by Benthoscope, preset `{_text(facts['settings']['preset'])}`.",
        "",
        "## What it is",
        "",
        f"- Body: {_text(body['embedder'])}, pictures resized whole to a shorter side of {body['short_side']} pixels.",
        *([f"- Preprocessing of whatever it is shown: {in_words(body['steps'])}."] if body.get("steps") else []),
        f"- {len(facts['label_tree'])} concepts in {len(facts['heads'])} head(s): "
        + ", ".join(f"{_text(head['name'])} ({head['kind']}, {len(head['columns'])})" for head in facts["heads"]),
        f"- Thresholds: {_text(facts['thresholds']['rule'])}.",
        f"- {_text(facts['calibration_facts']['sentence'])}",
        "",
        "## What it was trained on",
        "",
        f"- Datasets: {', '.join(_text(one) for one in data['datasets'])}"
        + (f", where {' and '.join(_text(one) for one in data['where'])}" if data["where"] else "")
        + f": {data['images']:,} images.",
        _groups(groups, facts["figures"].get("folds", 1)),
        *rare,
        *(f"- {_text(note)}" for note in facts.get("notes", ())),
        "",
        "## What it reaches on validation groups",
        "",
        "- Mean average precision: " + ("not measurable" if value is None else f"{value:.3f}") + ".",
        "",
        "| concept | images | average precision | threshold |",
        "|---|---|---|---|",
    ]
    for entry, threshold in zip(facts["label_tree"], facts["thresholds"]["values"], strict=True):
        found = figures["average_precision"].get(entry["name"])
        shown = "–" if found is None else f"{found:.3f}"
        lines.append(f"| {_text(entry['name'])} | {data['counts'][entry['name']]:,} | {shown} | {threshold:.3f} |")
    lines += [
        "",
        "## What it must not be taken for",
        "",
        "- It answers only for the concepts above; anything else, and any picture unlike the training images, gets "
        "probabilities too. Look at the OOD score beside them.",
        "- These figures chose thresholds and calibration, so they are a little too good; judge it on held-out groups.",
        "",
    ]
    return "\n".join(lines)


def _groups(groups: Mapping[str, Any], folds: int) -> str:
    apart = f"{len(groups['held_out'])} held out and never looked at."
    if folds > 1:
        return (
            f"- Groups: {len(groups['training'])} in {folds} folds, each member taught by all folds but one; "
            f"thresholds and calibration by what it said of that one; {apart}"
        )
    return (
        f"- Groups: {len(groups['training'])} for training, {len(groups['validation'])} for validation (thresholds and "
        f"calibration), {apart}"
    )


def _text(value: Any) -> str:
    """Text that Markdown shows as it is, on one line."""
    flat = " ".join(str(value).split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in flat)
