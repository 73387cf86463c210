"""One map (``?way=ours|plotly_chart|plotly_js&count=N``), what of it is chosen, and a button that colours it anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.space.areas import Area, plane, within
from dashboard import assets, colouring, map_component, map_layers
from dashboard.bodies import BODIES
from dashboard.theme import stylesheet, theme_for

HEIGHT = 700
PLOTLY = """export default async c => {
  const { data, parentElement, setTriggerValue } = c;
  if (!window.Plotly) await new Promise(r => {
    const s = document.createElement("script"); s.src = data.script; s.onload = r; document.head.append(s);
  });
  const body = async (key, kind) => new kind(await (await fetch(`${data.base}/body/${key}`)).arrayBuffer());
  let place = parentElement.querySelector(".held");
  const codes = await body(data.codes, Uint8Array);
  if (place) return void window.Plotly.restyle(place, { "marker.color": [codes] });
  place = document.createElement("div"); place.className = "held"; place.style.height = "690px";
  parentElement.append(place);
  const [x, y] = await Promise.all([body(data.x, Float32Array), body(data.y, Float32Array)]);
  await window.Plotly.newPlot(place, [{ type: "scattergl", mode: "markers", x, y, marker: { size: 3, color: codes } }],
    { dragmode: "lasso", hovermode: "closest", margin: { l: 0, r: 0, t: 0, b: 0 } });
  place.on("plotly_selected", e => {
    const path = e?.lassoPoints; if (!path) return;
    setTriggerValue("area", { areas: [{ corners: path.x.flatMap((v, i) => [v, path.y[i]]), adds: true }] });
  });
}
"""
_PLOTLY = st.components.v2.component("benchmark_plotly", js=PLOTLY, isolate_styles=False)


@st.cache_resource
def points(count: int) -> pd.DataFrame:
    """Fifty clouds of unequal size, as a map of a collection has them."""
    rng = np.random.default_rng(count)
    middles, widths = rng.uniform(-20, 20, (50, 2)), rng.uniform(0.3, 2.5, 50)
    cloud = rng.choice(50, count, p=rng.dirichlet(np.ones(50)))
    xy = (middles[cloud] + rng.normal(size=(count, 2)) * widths[cloud, None]).astype(np.float32)
    frame = pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "cluster": cloud, "ood_score": rng.gamma(2, 0.1, count)})
    return frame.assign(set="target", depth_m=rng.uniform(0, 1000, count))


@st.cache_resource
def prepared(count: int) -> tuple[Any, Any, dict[str, Any]]:
    """What does not change between two runs of the page."""
    table = points(count)
    colours = {name: colouring.colouring(table, name, theme_for("light", None)) for name in ("cluster", "depth")}
    return map_layers.ground(table), plane(table["x"].to_numpy(), table["y"].to_numpy()), colours


st.set_page_config(layout="wide")
theme = theme_for("light", None)
st.html(f"<style>{stylesheet(theme)}</style>")
way, count = st.query_params.get("way", "ours"), int(st.query_params.get("count", 10_000))
ground, on_plane, colours = prepared(count)
colour = st.session_state.setdefault("colour", "cluster")
areas: tuple[Area, ...] = st.session_state.get("areas", ())


def recolour() -> None:
    """The other colour from now on."""
    st.session_state["colour"] = "depth" if st.session_state["colour"] == "cluster" else "cluster"


def keep(drawn: tuple[Area, ...]) -> None:
    """What was drawn last."""
    st.session_state["areas"] = drawn


chosen = within(on_plane, areas) if areas else np.zeros(count, bool)
st.button("recolour", on_click=recolour)
if way == "ours":
    flags = map_layers.flags(ground.kinds, chosen if areas else np.ones(count, bool))
    scores = points(count)["ood_score"].to_numpy()
    scene = map_component.Scene(
        named=f"benchmark {count}",
        ground=ground,
        flags=flags,
        flags_named=" ".join(area.to_text() for area in areas),
        colouring=colours[colour],
        colour=colour,
        colour_named=colour,
        narrowed=bool(areas),
        ringed=map_layers.strangest(scores, flags),
        names=[],
        areas=areas,
        items="/bench/items?rows={rows}",
        sheet="/bench/sheet?rows={rows}",
        title="benchmark",
        label="benchmark",
    )
    map_component.draw(scene, key="map", height=HEIGHT, on_open=lambda row: None, on_areas=keep)
elif way == "plotly_js":
    data = {
        "script": "/bench/plotly.js",
        "base": assets.base(),
        "x": BODIES.put(np.ascontiguousarray(ground.positions[:, 0]), str(count), "x"),
        "y": BODIES.put(np.ascontiguousarray(ground.positions[:, 1]), str(count), "y"),
        "codes": BODIES.put(colours[colour].codes, str(count), colour),
    }

    def drawn() -> None:
        """The polygon that plotly gave."""
        keep(map_component._areas(st.session_state["held"].get("area")) or ())

    _PLOTLY(key="held", data=data, height=HEIGHT, on_area_change=drawn)
else:
    import plotly.graph_objects as go

    marker = {"size": 3, "color": colours[colour].codes}
    figure = go.Figure(go.Scattergl(x=ground.positions[:, 0], y=ground.positions[:, 1], mode="markers", marker=marker))
    figure.update_layout(dragmode="lasso", height=HEIGHT, uirevision="held", margin={"l": 0, "r": 0, "t": 0, "b": 0})
    event: Any = st.plotly_chart(figure, key="held", on_select="rerun", selection_mode=("lasso", "box"), theme=None)
    chosen = np.ones(len(event["selection"]["point_indices"]), bool)
st.text(f"chosen {int(chosen.sum())} coloured {colour}")
