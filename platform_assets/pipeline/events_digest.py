"""The digest of a product's events: the same for the same events, whatever stream brought them.

A product's content digest covers where each row stood: stream, partition and offset. The digest of its
events is the same digest (`flow.content_digest`) over the same rows without these three columns, that
is, over the columns of the event's contract, in their order. It is read through the gate and computed
anew from the certified parts; no record holds it. As sums do not depend on order, and merge, it does
not depend on how the events were dealt to partitions, nor, summed over runs, on how they were cut into
windows.

Two things that a stream decides do reach the events, and have to be alike where digests are compared.
Of contradicting events with one id the first is admitted, and the order is that of partition and
offset. And a consumer's output is that of its function, which may look at windows.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from platform_assets.adapters.parts import read_parts
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.flow.content_digest import ContentDigest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_assets.pipeline.certified_parts import CertifiedParts


def events_digest(products: Iterable[CertifiedParts]) -> ContentDigest:
    """Return the digest of all rows of some products together, positions left out.

    Args:
        products: a product of one run or day, or of several, which are summed.

    Raises:
        RuntimeError: no product was given.
        ValueError: the products have different columns.
    """
    digests = [_digest(product) for product in products]
    if not digests:
        raise RuntimeError("a digest of events needs at least one product")
    return reduce(ContentDigest.merge, digests)


def _digest(product: CertifiedParts) -> ContentDigest:
    columns = [column for column in product.columns if column not in POSITION_COLUMNS]
    parts = (read_parts([path], product.columns).collect() for path in product.paths)
    return reduce(
        ContentDigest.merge,
        (content_digest(part, columns) for part in parts),
        ContentDigest.empty(columns),
    )
