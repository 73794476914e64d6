"""Reading objects where answers are cut, altered or denied: an error, never data, never absence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import (
    AnswerAltered,
    DependencyUnreachable,
    ObjectMissing,
    StoreDenied,
    StoreUnwritable,
)
from platform_assets_tests.object_stores import PREFIX, open_s3_store
from platform_assets_tests.servers.http_faults import USUAL, Fate, HttpFaults, s3_error
from platform_assets_tests.servers.s3 import s3_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.adapters.object_store import ObjectStore
    from platform_assets_tests.servers.s3 import S3Server

PATH = "runs/x/part.parquet"
DATA = b"rows of a part " * 100_000
FLIPPED = DATA[:500] + b"!" + DATA[501:]


@pytest.fixture
def store(s3_server: S3Server, s3_bucket: str, faults: HttpFaults, tmp_path: Path) -> ObjectStore:
    store = open_s3_store(
        s3_server, s3_bucket, tmp_path, endpoint=faults.endpoint, timeout_seconds=3
    )
    store.create(PATH, DATA)
    return store


def reads(store: ObjectStore) -> list[Callable[[], bytes]]:
    """Return every way to the bytes of the object."""
    return [lambda: store.read(PATH), lambda: store.local_path(PATH).read_bytes()]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lambda _: FLIPPED, id="one byte altered"),
        pytest.param(lambda body: body[:-1], id="cut short, its length told so"),
        pytest.param(lambda body: body + b"\n", id="something added"),
        pytest.param(lambda _: b"", id="nothing left"),
    ],
)
def test_an_altered_answer_is_read_again_and_then_refused(
    store: ObjectStore, faults: HttpFaults, body: Callable[[bytes], bytes]
) -> None:
    for read in reads(store):
        before = faults.count("GET")
        faults.always(Fate(body=body), method="GET")
        with pytest.raises(AnswerAltered):
            read()
        assert faults.count("GET") == before + 3
    for read in reads(store):
        faults.once(Fate(body=body), method="GET")
        assert read() == DATA


def test_an_answer_whose_connection_breaks_is_continued_or_refused(
    store: ObjectStore, faults: HttpFaults
) -> None:
    for read in reads(store):
        faults.always(Fate(keep=1000), method="GET")
        with pytest.raises(DependencyUnreachable):
            read()
        faults.once(Fate(keep=1000), method="GET")
        assert read() == DATA


def test_no_copy_is_left_of_what_was_not_whole(
    store: ObjectStore, faults: HttpFaults, tmp_path: Path
) -> None:
    faults.always(Fate(body=lambda _: FLIPPED), method="GET")
    with pytest.raises(AnswerAltered):
        store.local_path(PATH)
    assert [f.name for f in (tmp_path / "objects").iterdir()] == [".lock"]
    assert [f for f in tmp_path.rglob("*") if f.is_file() and f.name != ".lock"] == []


def test_an_object_that_was_restored_without_its_checksum_is_readable(
    store: ObjectStore, s3_server: S3Server, s3_bucket: str
) -> None:
    s3_client(s3_server).put_object(Bucket=s3_bucket, Key=f"{PREFIX}/restored", Body=b"bytes")
    assert store.read("restored") == b"bytes"
    assert store.local_path("restored").read_bytes() == b"bytes"


def test_another_version_is_another_copy_and_the_first_one_stays(
    store: ObjectStore, s3_server: S3Server, s3_bucket: str
) -> None:
    first, before = store.local_path(PATH), store.stat(PATH)
    s3_client(s3_server).put_object(Bucket=s3_bucket, Key=f"{PREFIX}/{PATH}", Body=b"replaced")
    assert store.stat(PATH).version != before.version
    assert store.local_path(PATH).read_bytes() == b"replaced"
    assert first.read_bytes() == DATA


def test_a_store_that_is_overloaded_is_asked_again(store: ObjectStore, faults: HttpFaults) -> None:
    slow = Fate(effect=False, answer=s3_error(503, "SlowDown"))
    for method, ask in (("GET", store.read), ("HEAD", store.stat), ("GET", store.list)):
        faults.once(slow, method=method)
        assert ask("runs/x" if ask == store.list else PATH)


def test_only_absence_is_absence(store: ObjectStore, faults: HttpFaults) -> None:
    with pytest.raises(ObjectMissing):
        store.read("runs/x/absent")
    asks = (store.read, store.stat, store.exists, store.list, store.local_path)
    denied = s3_error(403, "AccessDenied")
    elsewhere = s3_error(301, "PermanentRedirect")
    for answer, error in ((denied, StoreDenied), (elsewhere, StoreUnwritable)):
        faults.rule = lambda _, answer=answer: Fate(effect=False, answer=answer)
        for ask in asks:
            with pytest.raises(error):
                ask("runs/x/absent")
    faults.rule = lambda _: USUAL
    with pytest.raises(ObjectMissing):
        store.read("runs/x/absent")


def test_a_denied_read_names_action_bucket_and_object(
    store: ObjectStore, faults: HttpFaults, s3_bucket: str
) -> None:
    faults.always(Fate(effect=False, answer=s3_error(403, "AccessDenied")), method="GET")
    with pytest.raises(StoreDenied, match="s3:GetObject") as refused:
        store.read(PATH)
    assert s3_bucket in refused.value.thing
    assert f"{PREFIX}/{PATH}" in refused.value.thing
    with pytest.raises(StoreDenied, match="s3:ListBucket"):
        store.list("runs")


def test_a_bucket_that_is_not_there_is_no_empty_bucket(
    s3_server: S3Server, s3_credentials: None, tmp_path: Path
) -> None:
    del s3_credentials
    store = open_s3_store(s3_server, "no-such-bucket-anywhere", tmp_path)
    for ask in (store.exists, store.stat, store.read, store.local_path, store.list):
        with pytest.raises(StoreUnwritable, match="no-such-bucket-anywhere"):
            ask("runs/x")
    with pytest.raises(StoreUnwritable, match="NoSuchBucket"):
        store.create("runs/x", b"")


def test_names_that_are_not_ours_are_not_listed_or_refused_aloud(
    store: ObjectStore, s3_server: S3Server, s3_bucket: str
) -> None:
    client = s3_client(s3_server)
    for name in (f"{PREFIX}/runs/.hidden", f"{PREFIX}/runs/a b", "outside", f"{PREFIX}2/runs/x"):
        client.put_object(Bucket=s3_bucket, Key=name, Body=b"")
    assert store.list("") == [PATH]
    client.put_object(Bucket=s3_bucket, Key=f"{PREFIX}/runs//x", Body=b"")
    with pytest.raises(DependencyUnreachable, match="empty segment"):
        store.list("runs")
