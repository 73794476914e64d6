"""The events of the payments example, as columns, before anything is planted.

Everything follows from the seed. Draws are uniform integers and doubles, and what is made of them is
integer arithmetic or one multiplication, so no platform's mathematics library has a say in the bytes.
Event times rise with the position in the log, apart from the events that are made late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: 2026-01-05T00:00:00Z in milliseconds since the epoch; the example's log starts here.
START_MS = 1_767_571_200_000
HOUR_MS = 3_600_000
CURRENCIES = ("CHF", "EUR", "GBP", "USD")
ZONES = ("Z", "+00:00", "+02:00")
_MCCS = ("4111", "4789", "5411", "5541", "5651", "5812", "5912", "6051", "7011", "7995")
_COUNTRIES = ("CH", "DE", "ES", "FR", "GB", "IE", "IT", "NO", "SE", "US")
_NETWORKS = ("amex", "mastercard", "visa")
_RESPONSES = ("00", "05", "51", "54")
_REASONS = ("duplicate_charge", "fraud", "not_delivered", "not_recognised")
_MERCHANTS = 5_000
_PRESENT = 0.6  # the fraction of payments at which the card was there
_HEX = np.frombuffer("".join(f"{n:02x}" for n in range(256)).encode(), np.uint8).reshape(256, 2)
_HEX_PLACES = [place for place in range(36) if place not in (8, 13, 18, 23)]


@dataclass(frozen=True, slots=True)
class Shape:
    """How many events there are, over how many accounts and how long a time."""

    authorisations: int
    chargebacks: int
    refunds: int
    accounts: int
    span_ms: int
    late: int
    orphans: int
    shared_ids: int


def uuids(random: np.random.Generator, count: int) -> pl.Series:
    """Return so many random UUIDs of version 4 as text."""
    raw = random.integers(0, 256, size=(count, 16), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    text = np.full((count, 36), ord("-"), dtype=np.uint8)
    text[:, _HEX_PLACES] = _HEX[raw].reshape(count, 32)
    offsets = np.arange(count + 1, dtype=np.int64) * 36
    array = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))
    return pl.Series("event_id", array)


def authorisations(seed: int, shape: Shape) -> pl.DataFrame:
    """Return the authorisations in the order of the log, one row each, all of them distinct."""
    count = shape.authorisations
    random = np.random.default_rng([seed, 1])
    account = (random.random(count) ** 2 * shape.accounts).astype(np.int64)
    merchant = random.integers(0, _MERCHANTS, count)
    foreign = random.integers(0, 50, count) == 0
    currency = np.where(foreign, random.integers(0, 4, count), account % 4)
    response = np.maximum(random.integers(0, 40, count) - 36, 0)
    zone = np.maximum(random.integers(0, 40, count) - 37, 0)
    return pl.DataFrame(
        {
            "event_id": uuids(random, count),
            "account": account,
            "merchant": merchant,
            "mcc": _words(merchant * 7 % 10, _MCCS),
            "country": _words(merchant * 3 % 10, _COUNTRIES),
            "network": _words(account % 3, _NETWORKS),
            "present": random.random(count) < _PRESENT,
            "minor": 1 + (random.random(count) ** 4 * 300_000).astype(np.int64),
            "currency": _words(currency, CURRENCIES),
            "moment": _moments(random, shape),
            "zone": _words(np.minimum(zone, 2), ZONES),
            "response": _words(np.minimum(response, 3), _RESPONSES),
            "device": random.integers(0, 5, count) > 1,
        }
    )


def reversals(seed: int, shape: Shape, authorised: pl.DataFrame) -> pl.DataFrame:
    """Return chargebacks and refunds in the order of their time, evenly over the span of the log.

    Each is of an authorisation that stands at most half as far into its stream as the reversal into
    its own. However a window shares its records out over the streams, an authorisation is then never
    read later than what reverses it, and chargebacks can be held against authorisations run by run.

    The first ``orphans`` chargebacks name authorisations that do not exist; the first ``shared_ids``
    refunds have the event id of a chargeback, which is another identity because the type is another.
    """
    count = shape.chargebacks + shape.refunds
    random = np.random.default_rng([seed, 2])
    turn = np.arange(count, dtype=np.int64)
    source = (random.random(count) * (turn // 2 + 1)).astype(np.int64)
    moment = START_MS + HOUR_MS + turn * shape.span_ms // max(1, count)
    chargeback = np.zeros(count, dtype=np.bool_)
    chargeback[random.permutation(count)[: shape.chargebacks]] = True
    origin = authorised[source]
    ids = uuids(random, count).to_numpy(writable=True)
    named = origin["event_id"].to_numpy(writable=True)
    orphaned = np.flatnonzero(chargeback)[: shape.orphans]
    named[orphaned] = uuids(random, shape.orphans).to_numpy()
    ids[np.flatnonzero(~chargeback)[: shape.shared_ids]] = ids[chargeback][: shape.shared_ids]
    partial = ~chargeback & (random.integers(0, 3, count) == 0)
    minor = origin["minor"].to_numpy()
    return pl.DataFrame(
        {
            "event_id": pl.Series(ids, dtype=pl.String),
            "chargeback": chargeback,
            "authorisation_id": pl.Series(named, dtype=pl.String),
            "account": origin["account"],
            "minor": np.where(partial, (minor + 1) // 2, minor),
            "currency": origin["currency"],
            "reason": _words(random.integers(0, 4, count), _REASONS),
            "partial": partial,
            "moment": moment,
            "zone": _words(np.zeros(count, dtype=np.int64), ZONES),
        }
    )


def partition_of(account: NDArray[np.int64], partitions: int) -> NDArray[np.int64]:
    """Return the partition of each account (Knuth's multiplicative hash)."""
    hashed: NDArray[np.int64] = (account * 2_654_435_761) % 2**32 * partitions // 2**32
    return hashed


def _moments(random: np.random.Generator, shape: Shape) -> NDArray[np.int64]:
    count = shape.authorisations
    even = np.arange(count, dtype=np.int64) * shape.span_ms // max(1, count)
    moments: NDArray[np.int64] = START_MS + even + random.integers(0, 30_000, count)
    # The first tenth stays on time, so that each late event has something before it to be late for.
    late = count // 10 + random.permutation(count - count // 10)[: shape.late]
    moments[late] -= random.integers(2 * HOUR_MS, 72 * HOUR_MS, len(late))
    return moments


def _words(codes: NDArray[np.int64], words: tuple[str, ...]) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(pl.Series(codes, dtype=pl.UInt32))
