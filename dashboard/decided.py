"""The history of decisions in the image panel, for `dashboard.slots.DECISIONS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.review.standing import MERGED, DecisionEntry, history
from core.review.verdicts import Verdict, all_verdicts
from dashboard import parts, words

if TYPE_CHECKING:
    from dashboard.state import View

MOST = 30
_SCOPES = {
    "duplicates": " (with its near-duplicates)",
    "selection": " (with others at once)",
    MERGED: " (came along when datasets were merged)",
}


def decisions(view: View, row: int) -> None:
    """What people decided about this picture, newest first; nothing when nobody did."""
    entries = history(view.workspace.database, int(view.run.table["image_id"].iloc[row]))
    if not entries:
        return
    names = all_verdicts(view.workspace.database)
    known = {entry.id: entry for entry in entries}
    lines = [(words.when(entry.created_at), sentence(entry, known, names)) for entry in entries[::-1][:MOST]]
    parts.facts(lines, "What was decided")
    if len(entries) > MOST:
        parts.note(f"{words.count(len(entries) - MOST)} older ones are in the exported history.")


def sentence(entry: DecisionEntry, known: dict[int, DecisionEntry], names: dict[str, Verdict]) -> str:
    """One decision in words."""
    verdict = names[entry.verdict].name if entry.verdict in names else entry.verdict
    if entry.kind == "undo":
        return f"{entry.actor} undid: {verdict}"
    text = f"{entry.actor}: {verdict}"
    if entry.concept:
        text += f", {entry.concept}"
    if entry.boxes:
        text += f", {words.plural(len(entry.boxes), 'box', 'boxes')}"
    text += _SCOPES.get(entry.scope, "")
    if entry.note:
        text += f". Note: {entry.note}"
    if not entry.stands:
        text += " (no longer stands)"
    return text
