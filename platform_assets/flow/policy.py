"""The policy of a product: its declared checks, as a record with a digest.

A certificate names the policy under which it was issued. Changing a threshold makes another policy,
and what was certified under the old one is unreadable until it is certified again; the policy of a
closed run is the one in its evidence and changes no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.declarations.checks import check_name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.declarations import CheckDeclaration


def policy_of(product: str, checks: Sequence[CheckDeclaration]) -> dict[str, Any]:
    """Return the policy record of a product."""
    return {
        "record": "policy",
        "version": 1,
        "product": product,
        "checks": [
            {**check.model_dump(mode="json", exclude_none=True), "name": check_name_of(check)}
            for check in checks
        ],
    }


def policy_digest(policy: dict[str, Any]) -> str:
    """Return the digest that certificates name."""
    return digest(policy)


def check_names(policy: dict[str, Any]) -> list[str]:
    """Return the names of the required checks, in declared order."""
    return [check["name"] for check in policy["checks"]]
