"""What stands in the store for one product of one run, collected for the gate.

Of an open run the newest generation stands, and its newest certificate. Of a closed run what its
evidence names stands, whatever was written afterwards: nothing refers to that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes
from platform_assets.errors import ObjectMissing, Refusal, UnknownThing
from platform_assets.flow.gate import Found, Sealed
from platform_assets.flow.gate_certificate import opened_certificate
from platform_assets.flow.policy import policy_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.state import sealed_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.declarations import ConsumerDeclaration, ProductDeclaration
    from platform_assets.pipeline.platform import Platform


def collect(platform: Platform, run: RunId, product: str) -> Found:
    """Return the bytes from which the gate decides on a product.

    Raises:
        InvalidName: the product's name may not stand in a path.
        UnknownThing: the feed declares no such product, and no closed run has it.
        GateRefusal, EvidenceInconsistent: the run's seal does not verify.
    """
    bundle = sealed_bundle(platform, run)
    sealed = _sealed_product(bundle, product)
    if bundle is None:
        generation = newest_generation(platform, run, product)
    else:  # what a closed run's evidence does not name is not there
        generation = sealed.generation if sealed else None
    before = run.predecessor
    return Found(
        run=run,
        product=product,
        generation=generation,
        anchors=_bytes(platform, layout.anchors_path(run)),
        predecessor=_bytes(platform, layout.anchors_path(before)) if before else None,
        successor=_bytes(platform, layout.anchors_path(RunId(run.feed, run.sequence + 1))),
        manifest=_bytes(platform, layout.manifest_path(run, product, generation))
        if generation
        else None,
        certificate=_certificate(platform, run, product, generation, sealed)
        if generation
        else None,
        revocations=_revocations(platform, run, product),
        policy=sealed.policy if sealed else declared_policy(platform, run, product),
        sealed=sealed,
    )


def newest_generation(platform: Platform, run: RunId, product: str) -> int | None:
    """Return the highest generation of which anything stands there, None where there is none."""
    return newest_number(platform, layout.product_folder(run, product))


def newest_number(platform: Platform, folder: str) -> int | None:
    """Return the highest generation of which anything stands in a folder of generations."""
    numbers = {
        int(match[1])
        for path in platform.store.list(folder)
        if (match := re.match(r"(\d{4})/", path.removeprefix(f"{folder}/")))
    }
    return max(numbers, default=None)


def certificate_issues(
    platform: Platform, run: RunId, product: str, generation: int
) -> dict[int, str]:
    """Return the path of each certificate of a generation, by the number of its issue."""
    return issues_in(platform, layout.certificate_folder(run, product, generation))


def issues_in(platform: Platform, folder: str) -> dict[int, str]:
    """Return the path of each certificate in a folder of certificates, by the number of its issue."""
    return {
        int(match[1]): path
        for path in platform.store.list(folder)
        if (match := re.fullmatch(r"/([0-9]{4})\.json", path.removeprefix(folder)))
    }


def newest_in(platform: Platform, folder: str) -> bytes | None:
    """Return the newest certificate in a folder of certificates, None where there is none."""
    issues = issues_in(platform, folder)
    return platform.store.read(issues[max(issues)]) if issues else None


def trusted_in(platform: Platform, folder: str, thing: str, kind: str) -> dict[str, Any] | None:
    """Return the newest certificate in a folder if it is one of that kind, and trusted, else None."""
    data = newest_in(platform, folder)
    try:
        return None if data is None else opened_certificate(data, platform.trust, thing, kind)
    except Refusal:
        return None


def declared_policy(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    """Return the policy that is declared now for a product or a consumer's output.

    Raises:
        UnknownThing: the feed declares no such product.
    """
    return policy_of(product, declared_output(platform, run.feed, product).checks)


def declared_output(
    platform: Platform, feed: str, product: str
) -> ProductDeclaration | ConsumerDeclaration:
    """Return what a feed declares under the name of a product or a consumer.

    Raises:
        UnknownThing: the feed declares neither under that name.
    """
    outputs = platform.feed(feed).outputs()
    if product not in outputs:
        raise UnknownThing(
            f"product {product} of feed {feed}",
            expected=f"one of {', '.join(outputs)}",
            found=repr(product),
            remedy="List what the feed declares: platform-assets feeds",
        )
    return outputs[product]


def _certificate(
    platform: Platform, run: RunId, product: str, generation: int, sealed: Sealed | None
) -> bytes | None:
    if sealed is not None:
        for path in certificate_issues(platform, run, product, generation).values():
            data = platform.store.read(path)
            if digest_bytes(data) == sealed.certificate_digest:
                return data
    return newest_in(platform, layout.certificate_folder(run, product, generation))


def _revocations(platform: Platform, run: RunId, product: str) -> tuple[bytes, ...]:
    paths = platform.store.list(layout.revocation_folder(run, product))
    return tuple(platform.store.read(path) for path in paths)


def _sealed_product(bundle: Mapping[str, Any] | None, product: str) -> Sealed | None:
    if bundle is None or product not in bundle["products"]:
        return None
    entry = bundle["products"][product]
    return Sealed(
        entry["generation"], entry["manifest_digest"], entry["certificate_digest"], entry["policy"]
    )


def _bytes(platform: Platform, path: str) -> bytes | None:
    try:
        return platform.store.read(path)
    except ObjectMissing:
        return None
