"""Steps of `benchmarks.map_walk` on Clusters: sorting, the tree, names, parting, kinds, labels, the noise."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page

from benchmarks.map_chart import Chart, Truth, holds, number, until
from benchmarks.walking import Walk
from tests.browser import driver

HOSTILE = "sea <img src=x onerror=alert(1)> pens"


def count(page: Page) -> int:
    """How many clusters the page says there are."""
    return number(page.locator(".bs-lead").first.inner_text(), r"([\d,]+) clusters? of pictures")


def becomes(page: Page, wanted: Callable[[int], bool], what: str) -> int:
    """Wait until there are as many clusters as wanted."""
    until(page, lambda: wanted(count(page)), what, 40)
    driver.settle(page, 60_000)
    return count(page)


def clusters(walk: Walk, truth: Truth) -> None:
    """What they sort by, the tree, names, merging, splitting, kinds, labels, the noise, and both spaces."""
    page = walk.page
    page.goto(truth.url("clusters"))
    driver.settle(page, 120_000)
    own = truth.table["cluster"].fillna(-1).astype(int)
    holds(count(page) == own[own >= 0].nunique(), "clusters of the run")
    noise = number(page.locator(".bs-lead").first.inner_text(), r"([\d,]+) regions? in none")
    holds(noise == int((own < 0).sum()), f"noise: {noise}")
    walk.did(f"{count(page)} clusters and {noise} in none, as the run's table says")
    _sorting(walk, truth)
    _listed(walk)
    _cut(walk)
    _named(walk)
    _parted(walk)
    _labelled(walk)
    _spaces(walk)
    _noise(walk, noise)
    _names_elsewhere(walk, truth)


def _sorting(walk: Walk, truth: Truth) -> None:
    from sklearn.metrics import adjusted_mutual_info_score

    page, table = walk.page, truth.table
    said = page.get_by_text("Adjusted mutual information").first.inner_text()
    grouped = table[(table["cluster"] >= 0) & (table["group"] != "")]
    if grouped["group"].nunique() > 1:
        wanted = adjusted_mutual_info_score(grouped["group"], grouped["cluster"])
        holds(f"{wanted:.2f} ({len(grouped):,} regions)" in said, f"{wanted:.3f} against {said!r}")
    note = page.locator(".st-key-card_sorting").inner_text().split("\n")
    walk.did(" ".join(line for line in note if line)[:420])


def _listed(walk: Walk) -> None:
    page = walk.page
    before = page.locator("h2.bs-section").first.inner_text()
    page.locator(".st-key-card_cluster_list [data-testid=stDataFrame]").click(position={"x": 90, "y": 35 + 2 * 35 + 17})
    until(page, lambda: page.locator("h2.bs-section").first.inner_text() != before, "another cluster below")
    driver.settle(page, 60_000)
    after = page.locator("h2.bs-section").first.inner_text()
    holds("show=" in page.url, page.url)
    walk.did(f"a click in the list showed {after!r} in place of {before!r}")


def _cut(walk: Walk) -> None:
    page = walk.page
    before = count(page)
    bars = page.locator(".st-key-card_cluster_tree .barlayer .point path")
    bars.first.wait_for()
    sizes = page.locator(".st-key-card_cluster_tree .js-plotly-plot").evaluate(
        "(plot) => plot.data.at(-1).customdata.length"
    )
    holds(bars.count() == sizes, f"{bars.count()} bars of {sizes} nodes")
    for place in range(1, min(6, sizes)):  # the largest after the root that is no cluster yet
        bars.nth(place).click(force=True)
        page.wait_for_timeout(400)
        driver.settle(page, 60_000)
        if count(page) != before:
            break
    cut = becomes(page, lambda n: n != before, "other clusters after a cut")
    walk.did(f"a click on a bar of the tree cut there: {before} clusters became {cut}")
    walk.button(re.compile("Undo cutting"))
    becomes(page, lambda n: n == before, "undone")
    walk.did("undone")


def _named(walk: Walk) -> None:
    page = walk.page
    name = page.get_by_label("Name of this cluster")
    name.fill(HOSTILE)
    name.press("Enter")
    page.locator("h2", has_text=HOSTILE).first.wait_for(timeout=30_000)
    driver.settle(page, 60_000)
    holds(page.locator("h2 img, .stButton img").count() == 0, "a name is text")
    walk.did("named with a name that would like to be HTML; it is text")


def _parted(walk: Walk) -> None:
    page = walk.page
    before = count(page)
    split = page.get_by_role("button", name="Split where the tree parts")
    if split.is_enabled():
        split.click()
        after = becomes(page, lambda n: n != before, "parts of a cluster")
        walk.button(re.compile("Undo splitting"))
        becomes(page, lambda n: n == before, "undone")
        walk.did(f"split ({after} clusters) and undone")
    box = page.get_by_role("combobox", name=re.compile("Merge with"))
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # pictures that come into view meanwhile would close the list
    box.click()
    page.locator("css:light=[role=option]").nth(1).click()  # not a picture of a gallery
    page.keyboard.press("Tab")
    driver.settle(page, 60_000)
    walk.button("Merge")
    after = becomes(page, lambda n: n == before - 1, "one cluster fewer")
    walk.button(re.compile("Undo merging"))
    becomes(page, lambda n: n == before, "undone")
    walk.did(f"merged ({after} clusters) and undone")
    page.get_by_text("Look for kinds").click()
    said = page.get_by_text(re.compile(r"\d+ kinds;|of one kind")).first
    said.wait_for(timeout=60_000)
    driver.settle(page, 60_000)
    found = said.inner_text()
    made = page.get_by_role("button", name=re.compile(r"Make them \d+ clusters"))
    if made.count():
        kinds = number(made.inner_text(), r"Make them (\d+)")
        made.click()
        becomes(page, lambda n: n == before - 1 + kinds, f"{kinds} kinds as clusters")
        walk.button(re.compile("Undo dividing"))
        becomes(page, lambda n: n == before, "undone")
    walk.did(f"kinds within: {found!r}")


def _labelled(walk: Walk) -> None:
    page = walk.page
    for label, text in (("Your name", "Ada"), ("What it shows", "sea pen")):
        field = page.get_by_label(label, exact=True).last
        field.fill(text)
        field.press("Enter")
        driver.settle(page, 60_000)
    page.get_by_text("95 % interval").first.wait_for()
    sample = page.locator("[class*=st-key-cluster_sample] .cell")
    sample.first.wait_for(timeout=30_000)
    sample.nth(1).locator(".tick").click()
    until(page, lambda: "23 of 24" in page.get_by_text("95 % interval").first.inner_text(), "one of 24 marked wrong")
    said = page.get_by_text("95 % interval").first.inner_text()
    page.get_by_text("I have looked at every picture of the sample").click()
    driver.settle(page, 60_000)
    button = page.get_by_role("button", name=re.compile("Label .* as sea pen"))
    wanted = number(button.inner_text(), r"Label ([\d,]+)")
    button.click()
    page.get_by_text(re.compile(rf"{wanted:,} regions labelled")).first.wait_for(timeout=60_000)
    walk.did(f"labelled a whole cluster ({wanted} regions) after a sample: {said}")
    walk.button(re.compile("Take the labels back"))
    page.get_by_text("labels were taken back").first.wait_for(timeout=60_000)
    driver.settle(page, 60_000)
    walk.did("the labels were taken back")


def _spaces(walk: Walk) -> None:
    page = walk.page
    page.get_by_text("Compare them").click()
    page.get_by_text(re.compile("By the map alone")).first.wait_for(timeout=120_000)
    driver.settle(page, 120_000)
    said = [one.inner_text() for one in page.get_by_text(re.compile("^By the (vectors|map)")).all()]
    holds(len(said) == 2 and all("%" in one or "cannot" in one for one in said), str(said))
    walk.did(" ".join(said))


def _noise(walk: Walk, noise: int) -> None:
    page = walk.page
    if not noise:
        return
    walk.button(re.compile("^The noise: "))
    title = page.get_by_text(re.compile("^Noise: ")).first
    title.wait_for(timeout=30_000)
    holds(number(title.inner_text(), r"Noise: ([\d,]+)") == noise, title.inner_text())
    walk.did(title.inner_text())


def _names_elsewhere(walk: Walk, truth: Truth) -> None:
    page = walk.page
    page.goto(truth.url("browse"))
    driver.settle(page, 120_000)
    page.locator("summary", has_text="Cluster").first.click()
    group = page.get_by_role("group", name="Cluster", exact=True)
    holds(HOSTILE in group.inner_text(), f"the facet says {group.inner_text()[:200]!r}")
    page.goto(truth.url("map") + "&colour=cluster")
    Chart(walk, truth).ready()
    holds(HOSTILE in page.locator(".map .legend").inner_text(), "the map's legend says the name")
    page.goto(truth.url("clusters"))
    driver.settle(page, 120_000)
    walk.button(re.compile("Undo naming"))
    page.locator("h2", has_text=HOSTILE).first.wait_for(state="detached", timeout=30_000)
    walk.did("the name stood in Browse's facets and the map's legend, as text, and was undone")
