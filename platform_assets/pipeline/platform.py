"""An opened platform home: its settings, feeds, contracts, store, keys and clock.

Every step of the pipeline takes one of these. A run is processed under the configuration that was
pinned with its anchors, whatever the YAML says by then; only the checks, and the engines that judge
a stream and make a product, are those declared now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.budget import Budget
from platform_assets.adapters.key_files import (
    FileTrust,
    signer_from_environment,
    signer_from_file,
    trust_key,
)
from platform_assets.adapters.log_key import log_signer
from platform_assets.adapters.stores import open_store
from platform_assets.adapters.streams import open_sink, open_source
from platform_assets.adapters.wrapping_key_settings import open_wrapping_key
from platform_assets.contracts.registry import ContractRegistry
from platform_assets.declarations.crosscheck import check_feeds
from platform_assets.declarations.loading import load_feeds
from platform_assets.errors import RecordMissing, UnknownThing
from platform_assets.pipeline import layout
from platform_assets.pipeline.code_identity import code_identity
from platform_assets.pipeline.records import read_record
from platform_assets.pipeline.run_configuration import configuration_record, pinned_configuration
from platform_assets.pipeline.scratch import scratch_folder, spill_folder, sweep
from platform_assets.pipeline.secret_values import declared_secrets, key_secrets, store_secrets
from platform_assets.ports.clock import Clock, SystemClock
from platform_assets.resources import schemas_folder
from platform_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from platform_assets.declarations import FeedDeclaration
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.run_configuration import PinnedConfiguration, RunConfiguration
    from platform_assets.ports.jobs import JobLauncher
    from platform_assets.ports.keys import WrappingKey
    from platform_assets.ports.signer import NoteSigner, Signer, Trust
    from platform_assets.ports.sinks import StreamSink
    from platform_assets.ports.store import Store
    from platform_assets.ports.streams import StreamSource


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A platform home, opened."""

    home: Path
    settings: Settings
    feeds: Mapping[str, FeedDeclaration]
    contracts: ContractRegistry
    store: Store
    clock: Clock
    #: What runs the jobs of engines that are not in this process; none for what the settings declare.
    launcher: JobLauncher | None = None
    _configurations: dict[str, PinnedConfiguration] = field(default_factory=dict, repr=False)

    @classmethod
    def open(
        cls, home: Path, *, store: Store | None = None, clock: Clock | None = None
    ) -> Platform:
        """Open a home; tests pass a store and a clock of their own.

        Raises:
            SettingsInvalid, DeclarationInvalid, ContractInvalid: with file, line and remedy.
        """
        home = home.absolute()
        settings = load_settings(home)
        contracts = ContractRegistry.load([home / settings.schemas, schemas_folder() / "truth"])
        loaded = load_feeds(home / settings.defs)
        check_feeds(loaded.values(), contracts, home)
        return cls(
            home=home,
            settings=settings,
            feeds={name: declaration for name, (declaration, _) in loaded.items()},
            contracts=contracts,
            store=store or open_store(settings, home),
            clock=clock or SystemClock(),
        )

    @cached_property
    def signer(self) -> Signer:
        """The signing key; a development key is made on first use, and trusted by its own home."""
        keys = self.settings.keys
        if keys.signing_env:
            return signer_from_environment(keys.signing_env)
        signer = signer_from_file(self.home / keys.signing)
        if signer.development:
            trust_key(signer.public_key_pem, self.home / keys.trusted)
        return signer

    @cached_property
    def log_key(self) -> NoteSigner:
        """The key that signs the closure log's checkpoints; a development key is made on first use."""
        keys = self.settings.keys
        return log_signer(self.home / keys.log, keys.log_env)

    @cached_property
    def staging_key(self) -> WrappingKey:
        """The key that wraps data keys of strict products for who builds and certifies them."""
        return open_wrapping_key(self.settings.keys.wrap_staging, self.home)

    @cached_property
    def release_key(self) -> WrappingKey:
        """The key that wraps data keys of strict products in the certificates that release them."""
        return open_wrapping_key(self.settings.keys.wrap_release, self.home)

    @property
    def trust(self) -> Trust:
        """The trusted public keys of this home, as they stand now."""
        return FileTrust(self.home / self.settings.keys.trusted)

    def secret_values(self) -> frozenset[str]:
        """Return the values that must not reach any record, as they are now."""
        declared = declared_secrets(self.feeds.values(), self.home)
        declared |= store_secrets(self.settings.store) | key_secrets(self.settings.keys, self.home)
        wrapping = self.staging_key.secret_values() | self.release_key.secret_values()
        return self.settings.secret_values() | declared | wrapping

    def feed(self, name: str) -> FeedDeclaration:
        """Return a declared feed.

        Raises:
            UnknownThing: no such feed is declared.
        """
        if name not in self.feeds:
            raise UnknownThing(
                f"feed {name}",
                expected=f"one of {', '.join(sorted(self.feeds)) or 'no feed; none is declared'}",
                found=repr(name),
                remedy=f"Declare it in {self.home / self.settings.defs}/{name}/defs.yaml.",
            )
        return self.feeds[name]

    def source(self, declaration: FeedDeclaration, stream: str) -> StreamSource:
        """Return the source of a declared stream; whoever opens it closes it."""
        topic = declaration.streams[stream].topic or stream
        return open_source(declaration.source_of(stream), topic, self.home)

    def source_of_run(self, run: RunId, stream: str) -> StreamSource:
        """Return the source of a stream of a run; whoever opens it closes it.

        A Kafka topic and a Kinesis stream are known by what was pinned of them, so that a run can be
        landed from another address than the one it was pinned at: the one that is declared now. A file
        log is known by its path alone, and is read where it was pinned.
        """
        pinned = self.run_configuration(run).declaration
        now = self.declared_now(run.feed)
        kind = pinned.source_of(stream).kind
        if now is None or stream not in now.streams or kind == "file_log":
            return self.source(pinned, stream)
        return self.source(now if now.source_of(stream).kind == kind else pinned, stream)

    def declared_now(self, feed: str) -> FeedDeclaration | None:
        """Return how a feed is declared now, which tells the addresses of its sources."""
        return self.feeds.get(feed)

    def read_before(self, run: RunId, consumer: str, product: str) -> Sequence[RunId] | None:
        """Return the runs before a run whose product a consumer read; None where it is being made.

        Only a replay knows them beforehand.
        """
        del run, consumer, product
        return None

    def counted_before(self, run: RunId) -> Sequence[RunId] | None:
        """Return the runs that counted before a run when it was made; None where it is being made.

        Only a replay knows them beforehand.
        """
        del run
        return None

    def settled_as(self, run: RunId, stream: str) -> Mapping[str, Any] | None:
        """Return the receipt of a run's admission that is to be made again; only a replay has one."""
        del run, stream
        return None

    def sink(self, declaration: FeedDeclaration, stream: str) -> StreamSink:
        """Return where records of a declared stream can be sent; whoever opens it closes it."""
        topic = declaration.streams[stream].topic or stream
        return open_sink(declaration.source_of(stream), topic, self.home)

    def configuration(self, feed: str) -> tuple[str, dict[str, Any]]:
        """Return digest and record of a feed's declaration as it stands now."""
        return configuration_record(self.feed(feed), self.contracts)

    def anchors(self, run: RunId) -> dict[str, Any]:
        """Return the anchors of a run.

        Raises:
            RecordMissing: the run was never pinned.
        """
        try:
            return read_record(self.store, layout.anchors_path(run), "anchors")
        except RecordMissing as error:
            raise RecordMissing(
                f"run {run}",
                expected="a run that was pinned here",
                found="no anchors",
                remedy=f"List the feed's runs: platform-assets runs {run.feed}",
            ) from error

    def run_configuration(self, run: RunId) -> RunConfiguration:
        """Return what the run was pinned under.

        Raises:
            UnknownThing: a product of the run is declared no more, so that its checks are unknown.
            RecordMissing, RecordInvalid: the configuration is not there, or not what was pinned.
        """
        config_digest = self.anchors(run)["config_digest"]
        if config_digest not in self._configurations:
            pinned = pinned_configuration(self.store, config_digest)
            self._configurations[config_digest] = pinned
        return self._configurations[config_digest].of(run, self.feed(run.feed))

    def code(self) -> dict[str, Any]:
        """Return the identity of the running code, as manifests record it."""
        return code_identity(self.settings.revision, self.settings.image)

    def scratch(self) -> AbstractContextManager[Path]:
        """Give a folder of its own in the home's scratch space; it is gone afterwards."""
        sweep(self.budget.spill_dir)  # not every step that follows a killed one spills
        return scratch_folder(self.scratch_root)

    def spill(self) -> AbstractContextManager[Path]:
        """Give a folder for what a step cannot hold in memory; it is gone afterwards.

        Raises:
            SpillExhausted: the step needs more room than there is; nothing of it was published.
        """
        return spill_folder(self.budget)

    @property
    def scratch_root(self) -> Path:
        """The folder below which scratch folders are made."""
        return self.home / self.settings.scratch

    @property
    def budget(self) -> Budget:
        """How much memory, how many cores and how much spill space a step may use."""
        given = self.settings
        spill_dir = self.home / given.spill_dir if given.spill_dir else self.scratch_root
        return Budget.of(given.memory_budget, given.cores, spill_dir, given.spill_limit)
