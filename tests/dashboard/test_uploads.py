"""A visitor's picture: taken in through one door, embedded as the run's network does, and compared with everything."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core.embed.load import load_embedder
from core.embed.prepare import prepare
from core.errors import ImageError
from core.settings import EmbedSettings, RunSettings
from dashboard import likeness, uploads
from tests.dashboard.synthetic import picture


class Sent:
    """What Streamlit's uploader gives."""

    def __init__(self, content: bytes, size: int | None = None) -> None:
        self.content = content
        self.size = len(content) if size is None else size

    def getvalue(self) -> bytes:
        return self.content


def jpeg(seed: int, size: tuple[int, int] = (320, 180)) -> bytes:
    out = io.BytesIO()
    picture(seed, [seed % 8], 100, size).save(out, "JPEG", quality=95)
    return out.getvalue()


def test_a_picture_is_decoded_shrunk_and_named_by_its_bytes():
    content = jpeg(1, (2400, 1350))
    upload = uploads.received(Sent(content))
    assert (upload.width, upload.height) == (2400, 1350)
    assert upload.image.size == (2048, 1152)
    assert upload.image.mode == "RGB"
    assert upload.digest == uploads.received(Sent(content)).digest != uploads.received(Sent(jpeg(2))).digest


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload=alert(1)>", jpeg(1)[:900], b"%PDF-1.4", b"\x89PNG\r\n\x1a\n" + b"0" * 60]
)
def test_what_is_no_whole_picture_is_refused(content):
    with pytest.raises(ImageError):
        uploads.received(Sent(content))


def test_too_many_bytes_are_refused_unread():
    with pytest.raises(ImageError, match="25 MB"):
        uploads.received(Sent(b"", uploads.MAX_BYTES + 1))


def test_an_upload_is_nearest_to_itself():
    settings = EmbedSettings(device="cpu")
    embedder = load_embedder(settings)
    sent = [uploads.received(Sent(jpeg(seed))) for seed in range(6)]
    inputs = [prepare(one.image, embedder.geometry(*one.image.size))[None] for one in sent]
    vectors = np.concatenate([embedder.embed(one).float().cpu().numpy() for one in inputs])
    run = SimpleNamespace(
        id=1,
        key="uploaded",
        settings=RunSettings(("d",), embed=settings),
        manifest={"embedder": {"key": embedder.key, "precision": embedder.precision}},
        table=pd.DataFrame({"region_id": range(1, 7)}),
        embeddings=vectors,
    )
    key = likeness.add(run, sent[3])
    alike = likeness.distances(run, key)
    assert alike.order[0] == 3
    assert alike.distances[3] <= 1e-5
    assert np.array_equal(np.sort(alike.order), np.arange(6))
    assert likeness.distances(run, "u" + "0" * 24) is None
    assert likeness.distances(run, "4").order[0] == 3
