"""What reviewers judged known joins the reference of a new run: groups apart, the promise kept, nothing rewritten."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from core.between import telling_apart, verdicts_between
from core.cli import app
from core.errors import ReviewError, SettingsError
from core.ood.conformal import flag
from core.ood.detector import group_numbers
from core.ood.halves import _first_half
from core.pipeline import execute
from core.planning import Plan
from core.relearning import change_json, change_of, change_text
from core.review.deciding import Act, decide, undo
from core.review.knowing import joining, judged_known, known_verdicts
from core.settings import EmbedSettings, KnownSettings, RunSettings
from core.stages import JOINED, Regions, calibrating, resolve_regions
from core.workspace import open_workspace
from tests.core.review.conftest import NOW
from tests.small import NETWORK, make_collection, random_weights


def say(space, run: int, region: int, verdict: str, actor: str = "Ada") -> str:
    key = f"{actor}-{region}-{verdict}-key"
    decide(space.database, Act(key, actor, run, verdict, regions=(region,)), now=NOW)
    return key


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small collection, run with a real (if random) network."""
    from core.catalogue.importing import import_images, plan_import
    from core.catalogue.records import ReadOptions

    folder = tmp_path_factory.mktemp("known")
    table = make_collection(folder / "source")
    space = open_workspace(folder / "workspace")
    plan = plan_import(table, ReadOptions(images=folder / "source" / "images", group="dive"))
    import_images(space, plan, dataset="small", actor="test", now=NOW, workers=1)
    weights = str(random_weights(folder / "weights.safetensors"))
    settings = RunSettings(
        ("small",), ("depth_m<800",), embed=EmbedSettings(NETWORK, weights=weights, short_side=64, device="cpu")
    )
    yield space, run_of(space, settings)
    space.close()


def run_of(space, settings):
    outcome = execute(
        space, settings, name=None, actor="test", workers=1, progress_for=lambda *_: lambda done, total: None
    )
    return space.open_run(outcome.info.id)


def test_judged_regions_join_a_new_run_and_the_old_one_stays(made):
    space, before = made
    written = {path.name: path.read_bytes() for path in before.folder.iterdir()}
    target = before.table[before.table["set"] == "target"]
    known = [int(region) for region in target["region_id"].iloc[[0, 1, 4]]]  # both frames of one dive, one of another
    for region in known:
        say(space, before.id, region, "habitat")
    say(space, before.id, int(target["region_id"].iloc[2]), "new")
    wished = joining(space.database, before, known_verdicts(space.database))
    assert wished.regions == tuple(sorted(known))
    assert (wished.groups, wished.alone, wished.disputed) == (2, 0, 0)
    after = run_of(space, wished.settings)
    assert after.id != before.id
    assert {path.name: path.read_bytes() for path in before.folder.iterdir()} == written
    table = after.table
    assert sorted(table.loc[table[JOINED], "region_id"]) == sorted(known)
    assert set(table.loc[table[JOINED], "set"]) == {"both"}
    assert after.manifest["flag"]["groups"] == before.manifest["flag"]["groups"]
    assert after.manifest["k"] == before.manifest["k"]
    assert "3 regions that reviewers judged known" in after.manifest["flag"]["sentence"]

    # The score by hand: the mean of the k smallest distances to the reference, joined regions among it, own group left
    # out.
    vectors = np.asarray(after.embeddings, float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = 1 - vectors @ vectors.T
    groups = table["group"].to_numpy()
    reference = table["set"].isin(["reference", "both"]).to_numpy()
    for row in range(len(table)):
        allowed = reference & (groups != groups[row])
        expected = np.sort(distances[row][allowed])[: after.manifest["k"]].mean()
        assert table["ood_score"].iloc[row] == pytest.approx(expected, abs=1e-5)
    counted = reference & ~table[JOINED].to_numpy()
    by_hand = flag(table["ood_score"].to_numpy(), group_numbers(pd.factorize(groups)[0], len(table)), counted)
    np.testing.assert_allclose(table["p_value"], by_hand.p_value)

    change = change_of(space.database, before, after)
    assert change.joined == 3
    rows = {row.verdict: row for row in change.verdicts}
    assert rows["Habitat"].regions == 3
    assert rows["Habitat"].joined == 3
    assert rows["New to the model"].joined == 0
    assert rows[""].regions == len(target) - 4
    assert change_json(change)["flags"]["common"] == len(target)
    tables = (before.table.set_index("region_id")["flagged"], table.set_index("region_id")["flagged"])
    then, now = (flagged[target["region_id"]].to_numpy() for flagged in tables)
    assert (len(change.flags.gained), len(change.flags.lost)) == ((now & ~then).sum(), (then & ~now).sum())
    assert change.flags.both == (now & then).sum()
    assert "3 regions joined the reference" in change_text(change)

    # What is decided later changes nothing of the same settings: the same run is found again.
    say(space, before.id, int(target["region_id"].iloc[6]), "gear")
    assert run_of(space, wished.settings).id == after.id
    again = joining(space.database, after, known_verdicts(space.database))
    assert set(again.regions) == {*known, int(target["region_id"].iloc[6])}


def test_what_stood_then_is_what_counts(space, regions):
    first = say(space, 2, regions[0], "taxon")
    say(space, 2, regions[1], "gear")
    then = KnownSettings(("taxon", "gear"), through=2, beside=2)
    assert judged_known(space.database, then) == sorted(regions[:2])
    undo(space.database, key="undo-key-1", act=first, actor="Ada", now=NOW)
    say(space, 2, regions[1], "new")  # replaces
    assert judged_known(space.database, then) == sorted(regions[:2])
    now = KnownSettings(("taxon", "gear"), through=100, beside=2)
    assert judged_known(space.database, now) == []
    assert judged_known(space.database, KnownSettings(("taxon", "gear"), through=1, beside=2)) == [regions[0]]


def test_a_region_on_which_reviewers_differ_does_not_join(space, run):
    outside = run.table.loc[run.table["set"] == "target", "region_id"].tolist()
    say(space, 2, outside[0], "habitat", "Ada")
    say(space, 2, outside[0], "new", "Bob")
    say(space, 2, outside[1], "habitat", "Ada")
    wished = joining(space.database, run, ["habitat"])
    assert wished.regions == (outside[1],)
    assert wished.disputed == 1


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [(["nonsense"], "there is no verdict"), ([], "at least one verdict"), (["habitat"], "nobody has decided")],
)
def test_what_cannot_join_is_one_sentence(space, run, verdicts, words):
    with pytest.raises(ReviewError, match=words):
        joining(space.database, run, verdicts)


def test_nothing_judged_known_is_one_sentence(space, run, regions):
    say(space, 2, regions[0], "new")
    with pytest.raises(ReviewError, match="no region outside the reference"):
        joining(space.database, run, ["habitat"])


def test_settings_of_before_keep_their_key():
    settings = RunSettings(("a",))
    assert RunSettings.from_json(settings.to_json()) == settings
    older = {name: value for name, value in settings.to_json().items() if name != "known"}
    assert RunSettings.from_json(older) == settings
    with_known = settings.with_(known=KnownSettings(("taxon",), 3, 1))
    assert RunSettings.from_json(with_known.to_json()) == with_known
    table = pd.DataFrame({"region_id": [1]})
    chosen = Regions(table, np.array([True]), np.array([False]), np.array([0]), {})
    keys = {Plan(of, chosen, SimpleNamespace(key="e", device="cpu"), None).key for of in (settings, with_known)}
    assert len(keys) == 2
    with pytest.raises(SettingsError):
        KnownSettings((), 3, 1)


def test_joined_regions_teach_and_are_not_counted():
    table = pd.DataFrame({"region_id": range(8), "depth_m": [1.0] * 4 + [9.0] * 4, "image_id": range(8)}).assign(
        dataset="d", group=list("aabbccdd")
    )
    regions = resolve_regions(table, RunSettings(("d",), ("depth_m<5",)), {}, {0, 4, 6})
    assert regions.reference.tolist() == [True] * 4 + [True, False, True, False]
    assert regions.target.tolist() == [False] * 4 + [True] * 4
    assert calibrating(regions.table, regions.reference).tolist() == [True] * 4 + [False] * 4
    first = _first_half(regions.groups, regions.reference, calibrating(regions.table, regions.reference), 0)
    halves = [{bool(half) for half in first[regions.groups == group]} for group in range(4)]
    assert all(len(half) == 1 for half in halves)  # a group is on one side
    assert halves[0] != halves[1]
    assert halves[2] != halves[3]  # those that only teach are dealt out too


def test_changes_by_verdict_by_hand():
    base = pd.DataFrame(
        {
            "region_id": [1, 2, 3, 4, 5],
            "image_id": [1, 2, 3, 4, 5],
            "dataset": "d",
            "group": list("aabbc"),
            "set": ["target"] * 4 + ["reference"],
        }
    )
    first = base.assign(flagged=[True, True, False, True, False], ood_score=[0.9, 0.8, 0.7, 0.6, 0.1])
    second = base.assign(
        flagged=[True, False, False, False, False], ood_score=[0.9, 0.3, 0.2, 0.4, 0.1], judged_known=[0, 1, 0, 0, 0]
    )
    rows = verdicts_between(first, second, {1: "New", 2: "Known", 3: "Known", 5: "Known"})
    assert [(row.verdict, row.regions, row.joined, row.flagged) for row in rows] == [
        ("Known", 2, 1, (1, 0)),
        ("New", 1, 0, (1, 1)),
        ("", 1, 0, (1, 0)),
    ]
    assert rows[0].score == (pytest.approx(0.75), pytest.approx(0.25))
    apart = telling_apart(first, second, {1}, {2, 3, 4})
    assert (apart.new, apart.known) == (1, 2)  # region 2 joined and takes no part
    assert apart.first.value == 1.0
    assert telling_apart(first, second, set(), {3}) is None


def test_the_command_says_in_one_sentence_what_stands_in_its_way(folder):
    answer = CliRunner().invoke(app, ["rerun", "2", "--workspace", str(folder), "--json"])
    assert answer.exit_code == 1
    assert "nobody has decided anything yet" in answer.output
    assert "Traceback" not in answer.output
