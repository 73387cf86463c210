"""The shipped network, and the rule of what it may have seen."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.demo import training_frames
from core.demo.concepts import BY_NAME, KNOWN, NEW
from core.demo.network import FEATURES, WEIGHTS, DemoNetwork, facts_path, load_demo_network, read_facts
from core.demo.train_network import Settings, level, train
from core.demo.training_frames import DEMO_SEED, PARTS, Frames, check_rule, gather, training_dives
from core.demo.world import EARLIER_CAMERAS
from core.errors import ModelError, SettingsError


@pytest.fixture(scope="module")
def network() -> DemoNetwork:
    return load_demo_network()


def test_the_shipped_weights_are_small_half_precision_and_safe(network):
    assert WEIGHTS.stat().st_size <= 12 * 2**20
    stored = load_file(WEIGHTS)
    assert {value.dtype for value in stored.values() if value.is_floating_point()} == {torch.float16}
    assert {value.dtype for value in network.state_dict().values() if value.is_floating_point()} == {torch.float32}
    assert not network.training


def test_the_network_is_features_pool_and_head(network):
    x = torch.randn(2, 3, 224, 384, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = network.features(x)
        logits = network(x)
    assert features.shape == (2, FEATURES, 14, 24)
    assert features.min() >= 0
    assert torch.allclose(logits, network.head(network.pool(features).flatten(1)), atol=1e-5)
    assert torch.allclose(network.pool(features).flatten(1), features.mean((2, 3)), atol=1e-6)
    assert logits.shape == (2, len(KNOWN))


def test_the_facts_beside_the_weights_keep_the_rule():
    facts = read_facts()
    assert facts.concepts == KNOWN
    assert not set(facts.concepts) & set(NEW)
    assert facts.parents == {name: BY_NAME[name].parent for name in KNOWN}
    assert DEMO_SEED not in facts.all["settings"]["seeds"]
    assert facts.all["training"]["cameras"] == list(EARLIER_CAMERAS)
    assert facts.all["training"]["deepest_m"] == 800
    assert facts.all["held_out"]["mean"] > 0.5


def test_a_missing_or_damaged_file_is_one_sentence(tmp_path):
    with pytest.raises(ModelError, match="found none"):
        load_demo_network(tmp_path / "none.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    facts_path(damaged).write_text(facts_path(WEIGHTS).read_text())
    with pytest.raises(ModelError, match="found none"):
        load_demo_network(damaged)
    damaged.write_bytes(b"not weights at all")
    with pytest.raises(ModelError, match="not a readable"):
        load_demo_network(damaged)
    other = tmp_path / "other.safetensors"
    other.write_bytes(WEIGHTS.read_bytes())
    facts = json.loads(facts_path(WEIGHTS).read_text())
    facts_path(other).write_text(json.dumps(facts | {"concepts": facts["concepts"][:3]}))
    with pytest.raises(ModelError, match="do not fit"):
        load_demo_network(other)
    facts_path(other).write_text("[]")
    with pytest.raises(ModelError, match="does not describe"):
        load_demo_network(other)


def test_training_dives_keep_to_the_rule():
    for seed in Settings().seeds:
        dives = training_dives(seed, Settings().frames)
        assert len(dives) >= 40
        for dive in dives:
            assert dive.camera in EARLIER_CAMERAS
            assert all(depth < 800 for stretch in dive.stretches for depth in stretch.depths)
    with pytest.raises(SettingsError, match="must not see the demonstration"):
        training_dives(DEMO_SEED, 1200)


@pytest.mark.parametrize(
    ("seed", "changes", "animal", "reason"),
    [
        (DEMO_SEED, {}, KNOWN[0], "demonstration itself"),
        (101, {"depth_m": "800.00"}, KNOWN[0], "may be learnt"),
        (101, {"camera": "skua-4k"}, KNOWN[0], "earlier cameras"),
        (101, {}, NEW[0], "must stay unknown"),
    ],
)
def test_a_frame_that_breaks_the_rule_is_refused(seed, changes, animal, reason):
    row = {"filename": "a.jpg", "depth_m": "799.99", "camera": EARLIER_CAMERAS[0]}
    check_rule({"row": row, "animals": [{"concept": KNOWN[0]}]}, 101)
    with pytest.raises(SettingsError, match=reason):
        check_rule({"row": row | changes, "animals": [{"concept": animal}]}, seed)


def test_gathering_checks_every_frame(tmp_path, monkeypatch):
    """A record that was tampered with in a kept folder is refused, not learnt."""
    dive = training_dives(101, 16)[0]
    parts = tmp_path / PARTS
    parts.mkdir()
    row = {"filename": "a.jpg", "depth_m": "900.00", "camera": EARLIER_CAMERAS[0]}
    (parts / f"{dive.name}.json").write_text(json.dumps({"frames": [{"row": row, "animals": []}]}))
    monkeypatch.setattr(training_frames, "training_dives", lambda seed, frames: [dive])
    with pytest.raises(SettingsError, match="may be learnt"):
        gather(tmp_path, 101, 16, 1)


def test_training_repeats_exactly():
    rng = np.random.default_rng(0)
    masks = [{int(rng.integers(len(KNOWN))): np.full((60, 107), 255, dtype=np.uint8)} for _ in range(10)]
    frames = Frames(rng.integers(0, 255, (10, 240, 427, 3), dtype=np.uint8), masks, [f"1:d{i // 2}" for i in range(10)])
    settings = replace(Settings(), epochs=1, batch=4, hold_out=5)
    first, out, _ = train(frames, settings)
    second, _, _ = train(frames, settings)
    assert out.tolist() == [0, 1]
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_levelling_evens_the_features_and_leaves_the_logits():
    torch.manual_seed(0)
    network = DemoNetwork(KNOWN).eval()
    x = torch.randn(12, 3, 64, 96)
    with torch.no_grad():
        before, pooled = network(x), network.features(x).mean((2, 3))
        level(network, pooled, 0.1)
        after, spread = network(x), network.features(x).mean((2, 3)).std(0)
    assert torch.allclose(before, after, atol=1e-5)
    alive = pooled.std(0) > 0.1 * pooled.std(0).median()
    assert spread[alive].max() / spread[alive].min() < 1.001
    assert network.features(x).min() >= 0
