"""The shared ImageNet weights on real frames: loaded right, and as good as measured elsewhere."""

from __future__ import annotations

import csv
from itertools import groupby

import numpy as np
import pytest
import torch
from torchvision import models

from core.embed.embedder import Embedder
from core.embed.loop import RegionJob, embed_regions
from tests.core.embed.networks import loaded, normalised, random_images

pytestmark = pytest.mark.real
FILES = ["mobilenet_v2-imagenet1k.safetensors", "mobilenet_v2-imagenet1k-features.safetensors"]


@pytest.fixture(params=FILES)
def weights(request, shared):
    path = shared / "weights" / request.param
    if not path.is_file():
        pytest.skip(f"{request.param} is not in the shared folder")
    return path


def test_they_load_as_torchvision_loads_them(weights):
    from safetensors.torch import load_file

    network = models.mobilenet_v2(weights=None).eval()
    lacking = network.load_state_dict(load_file(weights), strict=False)
    assert lacking.unexpected_keys == []
    assert all(key.startswith("classifier") for key in lacking.missing_keys)
    images = random_images(2, 224, 384)
    with torch.inference_mode():
        expected = network.features(normalised(images)).mean((2, 3))
    embedding = loaded("mobilenet_v2", weights).embed(images)
    torch.testing.assert_close(embedding, expected, rtol=0, atol=1e-5 * float(expected.max()))


def pairs(shared, count: int) -> list[RegionJob]:
    """Two neighbouring frames of each of `count` videos from all over the collection, one video after the other."""
    folder = shared / "data" / "trashcan"
    if not folder.is_dir():
        pytest.skip("the real frames are not in the shared folder")
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["video"], int(row["frame"])))
    videos = [list(video)[:2] for _, video in groupby(rows, lambda row: row["video"])]
    videos = [video for video in videos if len(video) == 2]
    height = {"16:9": 270, "4:3": 360}
    return [
        RegionJob(row["filename"], folder / "images" / row["filename"], 480, height[row["camera"]])
        for video in videos[:: len(videos) // count][:count]
        for row in video
    ]


def embeddings(jobs: list[RegionJob], embedder: Embedder) -> np.ndarray:
    result = np.empty((len(jobs), embedder.dimension), np.float32)

    def keep(batch):
        result[batch.indices] = batch.vectors

    report = embed_regions(jobs, embedder, on_batch=keep)
    assert report.failures == ()
    return result / np.linalg.norm(result, axis=1, keepdims=True)


def test_neighbouring_frames_are_near_and_other_videos_far(weights, shared):
    """Random weights, or wrongly loaded ones, put all frames within a few hundredths of each other."""
    unit = embeddings(pairs(shared, 24), loaded("mobilenet_v2", weights))
    distance = 1 - unit @ unit.T
    near = np.diag(distance, 1)[::2]
    far = distance[::2, ::2][np.triu_indices(24, 1)]
    assert np.median(near) < 0.1
    assert np.median(far) > 0.25
