"""A stream that is deleted and made anew under its name is another one, whenever that happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.kinesis import looking
from platform_assets.errors import SourceChanged, StreamRecreated
from platform_assets_tests.adapters.kinesis.feed_log import (
    SHARD,
    log_behind_faults,
    log_of,
    recreate,
    rows_of,
    stream_at,
)

if TYPE_CHECKING:
    from platform_assets_tests.servers.kinesis import KinesisServer

pytestmark = pytest.mark.usefixtures("kinesis_credentials")


def test_it_has_another_identity(own_kinesalite: KinesisServer) -> None:
    log = log_of(own_kinesalite)
    log.write(0, 3)
    (span,) = log.pin()
    before = log.source.identities()[SHARD]
    recreate(own_kinesalite, log.stream)
    log.write(0, 3)

    after = log.source.identities()[SHARD]
    assert after.cluster == before.cluster == "arn:aws:kinesis:us-east-1:000000000000"
    assert after.incarnation != before.incarnation
    with pytest.raises(SourceChanged):
        rows_of(log.source, span)


def test_while_it_is_looked_at_it_is_refused(
    own_kinesalite: KinesisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(own_kinesalite)
    seen = looking.Looking.seen

    def seen_and_gone(self: looking.Looking) -> list[looking.Seen]:
        found = seen(self)
        recreate(own_kinesalite, log.stream)
        return found

    monkeypatch.setattr(looking.Looking, "seen", seen_and_gone)
    with pytest.raises(StreamRecreated):
        log.look()


@pytest.mark.parametrize("looked", [False, True])
def test_while_it_is_read_it_is_refused(own_kinesalite: KinesisServer, *, looked: bool) -> None:
    with log_behind_faults(own_kinesalite) as (log, proxy):
        log.write(0, 3)
        (span,) = log.pin()
        source = stream_at(proxy.endpoint, log.stream)
        if looked:
            source.identities()
        # Once the records were read, and before it is asked what the stream is now.
        last = 1 if looked else 2
        proxy.act_at("DescribeStreamSummary", last, lambda: recreate(own_kinesalite, log.stream))

        with pytest.raises(StreamRecreated):
            rows_of(source, span)


@pytest.mark.parametrize("act", ["a look", "the identities", "a read"])
def test_since_it_was_last_asked_for_it_is_refused_though_the_numbers_are_the_same(
    kinesis_moto: KinesisServer, act: str
) -> None:
    """This server counts the records of each stream from 1 on, so that the numbers tell nothing."""
    log = log_of(kinesis_moto)
    log.write(0, 3)
    (span,) = log.pin()
    source = stream_at(kinesis_moto.endpoint, log.stream)
    if act == "a look":
        source.extents()
    elif act == "the identities":
        source.identities()
    else:
        rows_of(source, span)
    recreate(kinesis_moto, log.stream)
    log.write(3, 6)

    with pytest.raises(StreamRecreated):
        rows_of(source, span)


def test_it_is_asked_for_once_between_two_reads(kinesalite: KinesisServer) -> None:
    with log_behind_faults(kinesalite, shards=3) as (log, proxy):
        for number in range(30):
            log.write(number, number + 1, key=str(number))
        spans = log.pin()
        assert all(span.end.offset for span in spans)
        source = stream_at(proxy.endpoint, log.stream)

        for known, first in ((True, 1), (False, 2)):
            if known:
                source.identities()
            else:
                source.close()  # and with it goes what was known
            for span, asked in zip(spans, (first, 1, 1), strict=True):
                before = proxy.calls["DescribeStreamSummary"]
                rows_of(source, span)
                assert proxy.calls["DescribeStreamSummary"] - before == asked
