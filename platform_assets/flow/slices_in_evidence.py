"""What a consumption record says of a slice, held against what it was read from and how it is declared.

The checkpoint of a slice is the digest of the manifests of the ledger that it read, by run. Its name is
the digest of targets, cutoffs, checkpoint and policy. Nothing was known that was pinned after its run.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def checkpoint_of(manifests: Mapping[str, str]) -> str:
    """Return the checkpoint of a ledger: the digest of its manifests, run id -> manifest digest."""
    return digest(manifests)


def named_slice(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what identifies a slice together with its name."""
    return {**identity, "name": digest(identity)}


def slice_problems(
    declared: Mapping[str, Any], record: Mapping[str, Any], pinned_at: str
) -> Iterator[str]:
    """Yield what is wrong with the consumption record of a consumer; of one that is no slice nothing.

    Args:
        declared: the consumer, as the run's configuration has it.
        record: its consumption record.
        pinned_at: when the run was pinned.
    """
    way, said = declared.get("slice"), dict(record.get("as_of", {}))
    if way is None:
        return
    read = {
        given["run_id"]: given["manifest_digest"]
        for given in record["inputs"]
        if given["product"] == way["ledger"]
    }
    name = said.pop("name", "")
    if said.get("checkpoint") != checkpoint_of(read):
        yield "names another checkpoint than that of the entries which it read"
    if name != digest(said):
        yield "has another name than what it was made from"
    if [said.get(key) for key in ("ledger", "policy")] != [way["ledger"], way["policy"]]:
        yield "was made from another ledger or under another policy than is declared"
    for cutoff in ("effective", "knowledge"):
        fixed = pinned_at if way[cutoff] == "pinned" else way[cutoff]
        if said.get(cutoff) != rfc3339(datetime.fromisoformat(fixed)):
            yield f"was made at another {cutoff} cutoff than is declared"
