"""What a run is pinned under: the record of a feed's declaration with its contracts, and its reading.

A run is processed under the record that its anchors name, whatever the YAML says by then. Only the
checks, and the engines that judge a stream and make a product, are those declared now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from platform_assets.canonical import digest
from platform_assets.contracts.registry import Contract
from platform_assets.declarations import FeedDeclaration
from platform_assets.errors import RecordInvalid, RecordMissing, UnknownThing
from platform_assets.pipeline import layout
from platform_assets.pipeline.records import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.contracts.registry import ContractRegistry
    from platform_assets.identifiers import RunId
    from platform_assets.ports.store import Store


@dataclass(frozen=True)
class RunConfiguration:
    """What a run was pinned under, with the checks and engines of today, and its contracts."""

    digest: str
    declaration: FeedDeclaration
    contracts: Mapping[str, Contract]


@dataclass(frozen=True)
class PinnedConfiguration:
    """A configuration as it stands in the store, with its contracts read."""

    digest: str
    declaration: Mapping[str, Any]
    contracts: Mapping[str, Contract]

    def of(self, run: RunId, declared_now: FeedDeclaration) -> RunConfiguration:
        """Return it as a run is processed under it.

        Raises:
            UnknownThing: a product of the run is declared no more, so that its checks are unknown.
            RecordInvalid: this release does not understand it.
        """
        declared = self._with_checks(run, declared_now)
        try:
            declaration = FeedDeclaration.model_validate(declared)
        except ValidationError as error:
            raise RecordInvalid(
                layout.configuration_path(self.digest),
                expected="a declaration that this release understands",
                found=str(error),
                remedy="Use the release of platform-assets that pinned the run.",
            ) from error
        return RunConfiguration(self.digest, declaration, self.contracts)

    def _with_checks(self, run: RunId, declared_now: FeedDeclaration) -> dict[str, Any]:
        now = declared_now.outputs()
        streams = {name: dict(stream) for name, stream in self.declaration["streams"].items()}
        for name in streams.keys() & declared_now.streams.keys():
            streams[name]["engine"] = declared_now.streams[name].engine
        declared = {**self.declaration, "streams": streams}
        for kind in ("products", "consumers"):
            pinned, declared[kind] = self.declaration[kind], {}
            # a record sorts its keys, and what is read has to stand before what reads it
            order = list(now)
            for name in sorted(pinned, key=lambda n: order.index(n) if n in now else -1):
                if name not in now:
                    raise UnknownThing(
                        f"{name} of {run}",
                        expected="a declaration with checks",
                        found="none; the run was pinned when it was declared",
                        remedy=f"Declare {name} again until {run} is closed.",
                    )
                today = now[name].model_dump(include={"checks", "engine"})
                declared[kind][name] = {**pinned[name], **today}
        return declared


def configuration_record(
    declaration: FeedDeclaration, contracts: ContractRegistry
) -> tuple[str, dict[str, Any]]:
    """Return digest and record of a feed's declaration as it stands now."""
    refs = [event.contract for s in declaration.streams.values() for event in s.events.values()]
    refs += [consumer.contract for consumer in declaration.consumers.values()]
    record = {
        "record": "configuration",
        "version": 1,
        "feed": declaration.feed,
        "declaration": declaration.configuration(),
        "contracts": {ref: dict(contracts.contract(ref).documents) for ref in sorted(set(refs))},
    }
    return digest(record), record


def pinned_configuration(store: Store, config_digest: str) -> PinnedConfiguration:
    """Return the configuration that anchors name by its digest.

    Raises:
        RecordMissing, RecordInvalid: it is not there, or not what was pinned.
    """
    path = layout.configuration_path(config_digest)
    remedy = "Restore the file from a copy, or from exported evidence of a run that names it."
    try:
        record = read_record(store, path, "configuration")
    except RecordMissing as error:
        raise RecordMissing(
            path, expected=error.expected, found=error.found, remedy=remedy
        ) from error
    if digest(record) != config_digest:
        raise RecordInvalid(
            path, expected=f"digest {config_digest}", found=digest(record), remedy=remedy
        )
    contracts = {
        ref: Contract.from_documents(ref, documents)
        for ref, documents in record["contracts"].items()
    }
    return PinnedConfiguration(config_digest, record["declaration"], contracts)
