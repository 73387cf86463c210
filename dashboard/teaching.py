"""Models made, asked and judged by jobs: forms whose given answers are right for most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import CoreError
from core.processing.steps import in_words
from dashboard import catalogued, conditions_built, following, parts, predicting, preparing, words
from dashboard.boundary import explain
from dashboard.desk import ask

if TYPE_CHECKING:
    import pandas as pd

    from core.learn.models import Model, ModelInfo
    from core.workspace import Workspace
    from dashboard.state import View

PRESETS = {
    "recommended": "Recommended: a probe on a network that stays as it is, in seconds to minutes",
    "probe": "A plain probe, at the network's usual size",
    "fathomnet-2023": "A whole network, as the FathomNet study trained (slow without an accelerator)",
    "seafloor-2021": "A whole network, as the sea-floor study trained (slow without an accelerator)",
}
NETWORKS = ("demo", "mobilenet_v2", "resnet50", "convnext_tiny")


def training(view: View, *, open_it: bool) -> None:
    """The form for a new model, and what is at work."""
    following.section(view.workspace, ("train",), "A model is learning")
    with st.expander("Train a model", key="train_new", expanded=open_it):
        _training(view)


def _training(view: View) -> None:
    space = view.workspace
    parts.note(
        "A model learns the concepts that people stated. Some groups (dives) are kept apart to choose its thresholds, "
        "others to judge it on Evaluate."
    )
    chosen = _datasets(view, "train")
    if not chosen:
        return
    choices = catalogued.choices(space, chosen)
    images = choices.images
    if not _labelled(images):
        return
    models = {info.name for info in predicting.usable_models(space)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name of the model", value=_free(models), key="train_name", max_chars=80).strip()
        preset = st.selectbox("How", list(PRESETS), key="train_preset", format_func=PRESETS.__getitem__)
    where: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    embedder, side, epochs, decisions = "demo", 0, 0, False
    with st.expander("Settings; the given ones are right for most", key="train_more"):
        where = conditions_built.builder("train_where", "Learn from", choices, "Every labelled image.")
        decisions = st.checkbox(
            "Learn from what reviewers named in images without labels, too",
            key="train_decisions",
            help="What a reviewer names is taken as there; what else is in the picture stays unknown. Thresholds are "
            "chosen on labelled images alone.",
        )
        left, middle, right = st.columns(3)
        embedder = left.selectbox("Network", NETWORKS, key="train_embedder", accept_new_options=True) or "demo"
        side = middle.number_input("Shorter side, pixels; 0: the preset's", 0, 2048, 0, step=32, key="train_side")
        epochs = right.number_input("Epochs of a whole network; 0: the preset's", 0, 200, 0, key="train_epochs")
        steps = _prepared(view, images)
    if name in models:
        parts.note("A model of this name is there; it is replaced when the new one is ready.")
    arguments: dict[str, Any] = {
        "datasets": list(chosen),
        "name": name,
        "preset": preset,
        "embedder": embedder,
        "where": list(where),
        "short_side": int(side) or None,
        "epochs": int(epochs) or None,
        "decisions": bool(decisions),
        "steps": list(steps),
    }
    if st.button("Train it", key="train_start", type="primary") and _sound(space, arguments):
        ask(space, "train", f"Train {name}", arguments, key="train")
        st.rerun()


def _prepared(view: View, images: pd.DataFrame) -> tuple[str, ...]:
    """The preprocessing of what the model is shown; the open run's where the visitor wants it."""
    given = view.run.settings.embed.steps
    if given and st.checkbox(f"The open run's preprocessing: {in_words(given)}", value=True, key="train_as_run"):
        return given
    steps = preparing.builder("train_steps")
    preparing.before_and_after(view.workspace, images, steps, "train")
    return steps


def _sound(space: Workspace, arguments: dict[str, Any]) -> bool:
    """Whether a training can begin; what stands in its way is said here and not by a failed job."""
    from core.embed.checking import check_own
    from core.learn.models import model_folder
    from core.learn.recipes import preset_settings
    from core.settings import EmbedSettings

    try:
        model_folder(space, arguments["name"])
        check_own(arguments["embedder"])
        body = EmbedSettings(embedder=arguments["embedder"], steps=tuple(arguments["steps"]))
        preset_settings(arguments["preset"], tuple(arguments["datasets"]), body, short_side=arguments["short_side"])
    except CoreError as error:
        parts.empty(*explain(error))
        return False
    return True


def _datasets(view: View, key: str) -> tuple[str, ...]:
    known = {entry.name: entry.images for entry in view.workspace.datasets() if entry.images}
    given = [name for name in view.run.settings.datasets if name in known]
    chosen = st.multiselect(
        "Datasets",
        list(known),
        default=given,
        key=f"{key}_datasets",
        format_func=lambda name: f"{name} ({words.count(known[name])})",
    )
    if not chosen:
        parts.note("Choose at least one dataset.")
    return tuple(chosen)


def _labelled(images: pd.DataFrame) -> bool:
    """Say what there is to learn from; whether there is anything."""
    known = images[images["labelled"]]
    concepts = known["concepts"].explode().dropna()
    if concepts.empty:
        parts.note("Nobody has stated what is in these images: import labels, or give them on Review and Clusters.")
        return False
    groups = known[["dataset", "group"]].drop_duplicates()
    parts.tiles(
        [
            (words.count(len(known)), "labelled images", ""),
            (words.count(concepts.nunique()), "concepts", ""),
            (words.count(len(groups)), "groups", "" if len(groups) > 2 else "three are needed to judge it fairly"),
        ]
    )
    return True


def _free(taken: set[str]) -> str:
    number = 1
    while f"model-{number}" in taken:
        number += 1
    return f"model-{number}"


def asking(view: View, model: Model) -> None:
    """Ask a model about all regions of the run, by a job."""
    parts.note(
        "A job asks about all of the run; the answers then stand here, in the image panel and under the pictures."
    )
    if st.button(f"Ask about all {words.plural(len(view.run.table), 'region')}", key="predict_whole", type="primary"):
        title = f"Ask {model.name} about run {view.run.id}"
        ask(view.workspace, "predict", title, {"model": model.name, "run": view.run.id}, key="predict")
        st.rerun()


def judging(view: View, models: Sequence[ModelInfo], *, open_it: bool) -> None:
    """The form for an evaluation, and what is at work."""
    following.section(view.workspace, ("evaluate",), "A model is being judged")
    with st.expander("Evaluate a model", key="evaluate_new", expanded=open_it):
        _judging(view, models)


def _judging(view: View, models: Sequence[ModelInfo]) -> None:
    parts.note("The model is asked about labelled images of groups that it never served on.")
    name = st.selectbox("Model", [info.name for info in models], key="evaluate_model")
    chosen = _datasets(view, "evaluate")
    if not chosen:
        return
    outside = conditions_built.builder(
        "evaluate_outside",
        "What is truly unlike the reference",
        catalogued.choices(view.workspace, chosen),
        "Not stated, so sAUC and the combined figure are left out.",
    )
    stress = st.checkbox(
        "Also on spoiled pictures", key="evaluate_stress", help="Resolution, JPEG, blur, light, crop: takes longer"
    )
    if st.button("Evaluate it", key="evaluate_start", type="primary"):
        arguments = {"model": name, "datasets": list(chosen), "outside": list(outside), "stress": stress}
        ask(view.workspace, "evaluate", f"Evaluate {name}", arguments, key="evaluate")
        st.rerun()
