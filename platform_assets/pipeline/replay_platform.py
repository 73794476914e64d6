"""A platform in which one run is made again: the same steps, over scratch, signed by a key for nothing.

It differs from a home in five things: its feed is declared as the evidence says; its store shows the
evidence and takes what is written into scratch; its certificates are signed by a throw-away key, which
is trusted nowhere else; the runs that count before this one are those that counted then; and a source
is addressed as it is declared now, if a home declares it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.key_files import KeySigner, KeyTrust
from platform_assets.adapters.local_store import LocalStore
from platform_assets.adapters.signatures import new_private_key
from platform_assets.adapters.wrapping_key_settings import open_wrapping_key
from platform_assets.contracts.registry import ContractRegistry
from platform_assets.flow.replay_inputs import consulted_runs, declaration_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline.overlay import Overlay
from platform_assets.pipeline.platform import Platform
from platform_assets.pipeline.replay_keys import ReplayWrappingKey
from platform_assets.ports.clock import SystemClock
from platform_assets.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from platform_assets.declarations import FeedDeclaration
    from platform_assets.flow.run_records import RunRecords
    from platform_assets.pipeline.overlay import Lower
    from platform_assets.ports.keys import WrappingKey
    from platform_assets.ports.signer import Signer, Trust


@dataclass(frozen=True)
class Surroundings:
    """Where a replay takes place.

    Attributes:
        home: the folder below which functions and files of sources are looked for.
        scratch: a folder that is gone afterwards.
        settings: the home's, or the defaults where there is no home.
        feeds: what is declared in the home now, for the addresses of sources.
    """

    home: Path
    scratch: Path
    settings: Settings = field(default_factory=Settings)
    feeds: Mapping[str, FeedDeclaration] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReplayPlatform(Platform):
    """A run's evidence, opened so that the run can be made again."""

    records: RunRecords
    around: Surroundings

    @classmethod
    def over(
        cls,
        records: RunRecords,
        lower: Lower,
        shown: Iterable[str],
        around: Surroundings,
        name: str,
    ) -> ReplayPlatform:
        """Return a platform over the shown files; what it writes lies below a name in scratch.

        Raises:
            RecordInvalid: this release does not understand the run's declaration.
        """
        declaration = declaration_of(records)
        return cls(
            home=around.home,
            settings=around.settings,
            feeds={declaration.feed: declaration},
            contracts=ContractRegistry({}),
            store=Overlay(LocalStore(around.scratch / name), lower, shown),
            clock=SystemClock(),
            records=records,
            around=around,
        )

    @cached_property
    def signer(self) -> Signer:
        """A key that is made for this replay and thrown away with it."""
        return KeySigner(new_private_key(), development=True)

    @cached_property
    def trust(self) -> Trust:
        """The keys under which the evidence verified, and the throw-away one."""
        given = self.records.trust
        keys = {keyid: given.public_key_pem(keyid) for keyid in given.keyids()}
        return KeyTrust([*keys.items(), ("throw-away key", self.signer.public_key_pem)])

    @cached_property
    def staging_key(self) -> WrappingKey:
        """The home's key for what was recorded, and one that goes with the replay for the rest."""
        home = open_wrapping_key(self.settings.keys.wrap_staging, self.home)
        return ReplayWrappingKey(self.around.scratch / "keys" / "staging", home)

    @cached_property
    def release_key(self) -> WrappingKey:
        """The home's key for what was recorded, and one that goes with the replay for the rest."""
        home = open_wrapping_key(self.settings.keys.wrap_release, self.home)
        return ReplayWrappingKey(self.around.scratch / "keys" / "release", home)

    @property
    def scratch_root(self) -> Path:
        """The scratch space of the replay."""
        return self.around.scratch / "steps"

    def read_before(self, run: RunId, consumer: str, product: str) -> Sequence[RunId] | None:
        """Return the runs before the run whose product a consumer is recorded to have read."""
        recorded = self.records.consumption(consumer)
        if recorded is None or run != self.records.run:
            return None
        given = [each["run_id"] for each in recorded.value["inputs"] if each["product"] == product]
        return [RunId.parse(run_id) for run_id in given if run_id != str(run)]

    def counted_before(self, run: RunId) -> Sequence[RunId] | None:
        """Return the runs that counted before the run when it was made."""
        return consulted_runs(self.records) if run == self.records.run else None

    def settled_as(self, run: RunId, stream: str) -> Mapping[str, Any] | None:
        """Return the recorded receipt of the run's admission."""
        recorded = self.records.receipt("admission", stream)
        return recorded.value if recorded is not None and run == self.records.run else None

    def declared_now(self, feed: str) -> FeedDeclaration | None:
        """Return how the home declares a feed now, which tells where its sources are."""
        return self.around.feeds.get(feed)
