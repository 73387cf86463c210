"""From a job that is done to what it left: which page shows it, and what that page is told.

The contract: what a page is told lies under `WISH` in the visitor's session until that page takes it with `wished`,
before it draws its widgets; a page that was not told anything shows what it showed before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import streamlit as st

from dashboard import going

if TYPE_CHECKING:
    from core.jobs.book import JobInfo

WISH = "wish_"


@dataclass(frozen=True)
class Way:
    """A way on.

    Attributes:
        label: Of the button.
        page: Address.
        query: Of the URL.
        wishes: Widget key → value on that page.
    """

    label: str
    page: str
    query: Mapping[str, str] = field(default_factory=dict)
    wishes: Mapping[str, Any] = field(default_factory=dict)


def way(job: JobInfo) -> Way | None:
    """Where a job's result is to be seen; ``None`` when it left none."""
    if job.state != "done":
        return Way("Look at the job", "jobs") if job.state == "failed" else None
    found, given = job.result, job.arguments
    if job.kind == "run":
        return Way("Open", str(given.get("page", "overview")), {"run": str(found["run"])})
    if job.kind == "train":
        return Way("Open", "predict", wishes={"predict_model": found["model"]})
    if job.kind == "predict":
        wishes = {"predict_model": given["model"], "predict_source": "The current selection"}
        return Way("Open", "predict", {"run": str(given["run"])}, wishes)
    if job.kind == "evaluate":
        return Way("Open", "evaluate", wishes={"evaluation": int(found["evaluation"])})
    if job.kind == "import":
        return Way("Look", "datasets")
    return Way("To Outputs", "outputs") if job.kind in ("export", "report") else None


def follow(on: Way) -> NoReturn:
    """Open what a way leads to; not from a callback."""
    for key, value in on.wishes.items():
        st.session_state[WISH + key] = value
    if "run" in on.query:
        st.query_params["run"] = on.query["run"]
    going.go(on.page, on.query)


def wished(*keys: str) -> None:
    """Give a page's widgets the values that it was told; called before they are drawn."""
    for key in keys:
        if WISH + key in st.session_state:
            st.session_state[key] = st.session_state.pop(WISH + key)
