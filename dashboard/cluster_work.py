"""Working on a cluster: name, merge, split, undo, and label all of it once a sample was looked at.

The contract: every act is one edit or one decision with a key of its own, written before the page is drawn again;
errors are told where they happen, and nothing is lost by them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import streamlit as st

from core.clusters.grouping import Edit, rows_text
from core.clusters.log import add_edit
from core.clusters.portraits import kinds_within
from core.errors import CoreError
from core.review.deciding import Act, decide, undo
from core.review.estimating import wilson
from core.review.standing import recent
from core.review.verdicts import verdicts
from dashboard import later, parts, words
from dashboard.gallery import gallery

if TYPE_CHECKING:
    from core.review.standing import DecisionEntry
    from dashboard.clustering import Clustered
    from dashboard.state import View

SAMPLE = 24
_SAID, _LABELLED = "cluster_said", "cluster_labelled"
_NOTE = "labelled as a cluster"
"""How the note of a decision begins that labelled a whole cluster: by it the labels are found to be taken back."""
_DOES = {
    "name": "naming",
    "merge": "merging",
    "split": "splitting",
    "cut": "cutting the tree",
    "parts": "dividing into kinds",
}


def _now() -> datetime:
    return datetime.now(UTC)


def _actor() -> str:
    return str(st.session_state.get("cluster_actor", "")).strip()


def edit(view: View, kind: str, *clusters: int, **more: object) -> None:
    """Write one edit down; for callbacks."""
    try:
        said = Edit(uuid4().hex, kind, _actor() or "unnamed", _now().isoformat(), clusters, **more)  # type: ignore[arg-type]
        add_edit(view.workspace, view.run, said)
        st.session_state[_SAID] = ""
    except CoreError as error:
        st.session_state[_SAID] = str(error)


def told(what: str) -> None:
    """What came of the last act."""
    if text := st.session_state.get(what):
        parts.note(text[:1].upper() + text[1:] + ".")


def undoing(view: View, clusters: Clustered, key: str = "cluster_undo") -> None:
    """The button that takes the last edit back."""
    if clusters.edits:
        last = clusters.edits[-1]
        said = f"Undo {_DOES[last.kind]}" + (f" ({last.name})" if last.name else "")
        st.button(parts.unmarked(said), key=key, on_click=edit, args=(view, "undo"), icon=":material/undo:")


def arranging(view: View, clusters: Clustered, number: int) -> None:
    """Name, merge and split one cluster."""
    with parts.card("cluster_work", "Put it in order"):
        st.text_input("Your name", key="cluster_actor", max_chars=100, placeholder="signs what you do")
        st.text_input(
            "Name of this cluster",
            value=clusters.grouping.names.get(number, ""),
            key=f"cluster_name_{number}",
            max_chars=120,
            placeholder=clusters.names[number],
            on_change=lambda: edit(view, "name", number, name=str(st.session_state[f"cluster_name_{number}"]).strip()),
        )
        others = [other for other in clusters.numbers if other != number]
        chosen = st.multiselect(
            "Merge with",
            others,
            key=f"cluster_merge_{number}",
            format_func=clusters.names.__getitem__,
            placeholder="other clusters",
        )
        with st.container(horizontal=True):
            st.button(
                "Merge",
                key="cluster_do_merge",
                disabled=not chosen,
                on_click=edit,
                args=(view, "merge", number, *chosen),
                icon=":material/merge:",
            )
            node = clusters.grouping.nodes.get(number)
            below = clusters.tree.children.get(node, ()) if clusters.tree is not None and node is not None else ()
            st.button(
                "Split where the tree parts",
                key="cluster_do_split",
                disabled=len(below) < 2,
                on_click=edit,
                args=(view, "split", number),
                icon=":material/call_split:",
                help="Into the two groups that it parts into as the density rises; what is in neither becomes noise",
            )
            undoing(view, clusters)
        told(_SAID)


def kinds(view: View, clusters: Clustered, number: int) -> None:
    """Kinds within a cluster, and making them clusters of their own."""
    remark = (
        "Groups within this cluster alone, by the network's own vectors; how the sea-floor study found kinds of waste."
    )
    with parts.card("cluster_kinds", "Kinds within", remark):
        if not st.toggle("Look for kinds", key=f"cluster_kinds_{number}"):
            return
        try:
            found: list[np.ndarray] | None = later.computed(
                view.run,
                "kinds within",
                (clusters.key, number),
                lambda: list(kinds_within(view.run.embeddings, clusters.grouping.members(number))),
                "Kinds are being looked for.",
            )
        except CoreError as error:
            parts.note(str(error))
            return
        if found is None:
            return
        if len(found) < 2:
            parts.note("It is of one kind: nothing within it stands apart.")
            return
        inside = len(clusters.grouping.members(number))
        rest = inside - sum(map(len, found))
        parts.note(f"{len(found)} kinds; {words.plural(rest, 'region')} in none of them would become noise.")
        for place, rows in enumerate(found[:6]):
            label = f"Kind {place + 1}: {words.plural(len(rows), 'region')}"
            parts.note(label)
            gallery(view, rows, key=f"kind_{place}", label=label, layout="strip", height=150, tools=False, captions=())
        texts = tuple(rows_text(rows) for rows in found)
        st.button(
            f"Make them {len(found)} clusters",
            key="cluster_do_parts",
            on_click=lambda: edit(view, "parts", number, parts=texts),
            icon=":material/call_split:",
        )


def labelling(view: View, clusters: Clustered, number: int) -> None:
    """Label a whole cluster after a sample of it was looked at."""
    members = clusters.grouping.members(number)
    remark = (
        "Say what all of it shows, look at a sample, mark what is wrong there. The labels are a person's annotations; "
        "they can be taken back, and the next run knows them."
    )
    with parts.card("cluster_label", "Label the whole cluster", remark):
        concept = st.text_input("What it shows", key=f"cluster_concept_{number}", max_chars=200).strip()
        if concept:
            seed = np.random.default_rng([number, len(members)])
            sample = np.sort(seed.choice(members, min(SAMPLE, len(members)), replace=False))
            parts.note(f"A random sample of {len(sample)}: choose every picture that does not show it.")
            wrong = gallery(
                view,
                sample,
                key=f"cluster_sample_{number}",
                label="Sample of the cluster",
                height=330,
                selectable=True,
                captions=("concepts",),
            )
            right = len(sample) - len(wrong)
            low, high = wilson(right, len(sample))
            parts.note(
                f"{right} of {len(sample)} are right: {words.percent(right / len(sample))} of the cluster, between "
                f"{words.percent(low)} and {words.percent(high)} (95 % interval)."
            )
            seen = st.checkbox("I have looked at every picture of the sample", key=f"cluster_seen_{number}")
            st.button(
                parts.unmarked(f"Label {words.plural(len(members) - len(wrong), 'region')} as {concept}"),
                key="cluster_do_label",
                type="primary",
                disabled=not (seen and _actor()),
                on_click=_label,
                args=(view, members[~np.isin(members, wrong)], concept, len(sample), len(wrong)),
                help="Sign with your name first" if not _actor() else None,
            )
        if before := _last_labels(view):
            st.button(
                parts.unmarked(f"Take the labels back ({before.concept})"),
                key="cluster_unlabel",
                on_click=_unlabel,
                args=(view, before.act, before.actor),
                icon=":material/undo:",
                help="Those that you gave to a whole cluster last, whenever that was",
            )
        told(_LABELLED)


def _last_labels(view: View) -> DecisionEntry | None:
    """The first decision of this person's last labelling of a whole cluster that still stands."""
    known = recent(view.workspace.database, view.run.id, _actor()) if _actor() else []
    return next((entry for entry in known if entry.note.startswith(_NOTE)), None)


def _label(view: View, rows: np.ndarray, concept: str, looked_at: int, wrong: int) -> None:
    try:
        taxon = next((one.key for one in verdicts(view.workspace.database) if one.meaning == "taxon"), None)
        if taxon is None:
            st.session_state[_LABELLED] = "this workspace's list of verdicts has none for a taxon; add one first"
            return
        regions = tuple(int(region) for region in view.run.table["region_id"].to_numpy()[rows])
        note = f"{_NOTE}; sample of {looked_at}, {wrong} wrong"
        act = Act(uuid4().hex, _actor(), view.run.id, taxon, regions, concept=concept, note=note, scope="selection")
        decide(view.workspace.database, act, now=_now())
        st.session_state[_LABELLED] = f"{words.plural(len(regions), 'region')} labelled"
    except CoreError as error:
        st.session_state[_LABELLED] = str(error)


def _unlabel(view: View, act: str, actor: str) -> None:
    try:
        undo(view.workspace.database, key=uuid4().hex, act=act, actor=actor, now=_now())
        st.session_state[_LABELLED] = "the labels were taken back"
    except CoreError as error:
        st.session_state[_LABELLED] = str(error)
