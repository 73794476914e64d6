"""Reading products: the only way in is `open_product`, and what it returns is the proof.

The steps are those of `platform_assets.flow.gate`; steps 0 to 6 are decided there from the bytes that
are collected here, steps 7 and 8 are done here. Of a strict product, step 8 takes the key that the
certificate released, and decrypts when it is first read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.errors import PartMissing, RunOpen
from platform_assets.flow.gate import Permit, decide
from platform_assets.pipeline.certified_parts import GATE, CertifiedParts
from platform_assets.pipeline.corrections import standing_runs
from platform_assets.pipeline.data_keys import released_key
from platform_assets.pipeline.plain_parts import PlainParts
from platform_assets.pipeline.product_parts import verified_product_parts
from platform_assets.pipeline.standing import collect, declared_output
from platform_assets.pipeline.teardown_records import refused_for_teardown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


class CertifiedProduct(CertifiedParts):
    """A product of a run that may be read; only `open_product` and `open_latest` make one."""

    def __init__(
        self, permit: Permit, paths: Sequence[Path], *, plain: PlainParts | None, made_by: object
    ) -> None:
        super().__init__(permit, paths, plain=plain, made_by=made_by)
        self._permit = permit

    @property
    def run(self) -> RunId:
        """The run that made the product."""
        return self._permit.run


def open_latest(
    platform: Platform, feed: str, product: str, *, strict: bool = False
) -> CertifiedProduct:
    """Open a product of the newest window of a feed that is closed, as its newest closed run has it.

    Where that may not be read, for example because it was revoked, nothing is: an older one is not the
    latest.

    Raises:
        GateRefusal: the product may not be read; the class says why.
        UnknownThing: there is no such feed or product.
        RunOpen: no run of the feed is closed yet.
    """
    declared_output(platform, feed, product)
    standing = standing_runs(platform, feed)
    if not standing:
        raise RunOpen(
            f"the latest {product} of {feed}",
            expected="a closed run",
            found="none",
            remedy=f"Take the first window to its closure: platform-assets run {feed}",
        )
    return open_product(platform, standing[-1], product, strict=strict)


def open_product(
    platform: Platform, run: RunId, product: str, *, strict: bool = False
) -> CertifiedProduct:
    """Open a product through the gate.

    Args:
        platform: the opened home.
        run: the run that made the product.
        product: the product's name.
        strict: hash every part now, whatever is remembered.

    Raises:
        GateRefusal: the product may not be read; the class says why.
        KeyMissing, KeyDenied, KeyInvalid: it is strict, and the release key does not serve here.
        KeyServiceUnreachable: it is strict, and nobody could be asked for its key.
        InvalidName, UnknownThing: there is no such product.
        EvidenceInconsistent: the run's seal and its evidence do not belong together.
    """
    permit, paths = _verified(platform, run, product, strict=strict)
    plain = None
    if "encryption" in permit.manifest:
        plain = PlainParts(platform, permit, released_key(platform, permit.certificate))
    return CertifiedProduct(permit, paths, plain=plain, made_by=GATE)  # 8


def verify_product(platform: Platform, run: RunId, product: str, *, strict: bool = False) -> Permit:
    """Hold a product against the gate without opening it: steps 0 to 7, for which no key is needed.

    Raises:
        GateRefusal: the product may not be read; the class says why.
        InvalidName, UnknownThing: there is no such product.
        EvidenceInconsistent: the run's seal and its evidence do not belong together.
    """
    return _verified(platform, run, product, strict=strict)[0]


def _verified(
    platform: Platform, run: RunId, product: str, *, strict: bool
) -> tuple[Permit, list[Path]]:
    found = collect(platform, run, product)
    permit = decide(found, platform.trust)
    try:
        paths = verified_product_parts(platform, found, permit, strict=strict)  # 7
    except PartMissing as error:
        raise refused_for_teardown(platform, error, run) from error
    return permit, paths
