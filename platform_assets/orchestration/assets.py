"""The assets of a feed: read, call the pipeline, report metadata.

Each asset is one step of one run, and the run is the partition. An asset says nothing about whether its
data may be read: the gate does, when a consumer opens a product, wherever and whenever it is launched.
"""

from collections.abc import Callable, Iterable

import dagster as dg

from platform_assets.declarations import ConsumerDeclaration, FeedDeclaration, ProductDeclaration
from platform_assets.identifiers import RunId
from platform_assets.orchestration.failures import refusals_fail_the_step
from platform_assets.orchestration.metadata import (
    Metadata,
    admission_metadata,
    anchors_metadata,
    landing_metadata,
    product_metadata,
    use_metadata,
)
from platform_assets.orchestration.names import FeedNames
from platform_assets.orchestration.patience import waits
from platform_assets.orchestration.pipes import reported_metadata, with_pipes
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.orchestration.withholding import withhold
from platform_assets.pipeline import Platform, admit, build, consume, land, noted
from platform_assets.pipeline.waiting import taken

#: A step of the pipeline on one run: what it shows of its record, and the version of what it made.
Step = Callable[[Platform, RunId], tuple[Metadata, str | None]]


def feed_assets(names: FeedNames, feed: FeedDeclaration) -> list[dg.AssetsDefinition]:
    """Return the assets of a feed from its anchors to the outputs of its consumers."""
    return [
        anchors_asset(names, feed),
        *(landing_asset(names, stream) for stream in feed.streams),
        *(admission_asset(names, feed, stream) for stream in feed.streams),
        *(product_asset(names, feed, name, product) for name, product in feed.products.items()),
        *(consumer_asset(names, name, consumer) for name, consumer in feed.consumers.items()),
    ]


def step_asset(
    names: FeedNames,
    key: dg.AssetKey,
    deps: Iterable[dg.AssetKey],
    step: Step,
    description: str,
    *,
    engine: str | None = None,
) -> dg.AssetsDefinition:
    """Return the asset that one step of the pipeline makes for each run of the feed.

    A step that has another engine than this process launches its jobs by Dagster Pipes.
    """

    @dg.asset(
        key=key,
        deps=list(deps),
        partitions_def=names.partitions,
        group_name=names.feed,
        kinds={engine} if engine else None,
        description=description,
    )
    def asset(
        context: dg.AssetExecutionContext, platform: PlatformResource
    ) -> dg.MaterializeResult[None]:
        with refusals_fail_the_step(platform.secrets), noted() as steps:
            opened = with_pipes(context, platform.open()) if engine else platform.open()
            shown, version = step(opened, RunId.parse(context.partition_key))
        reported = reported_metadata(opened.launcher)
        return dg.MaterializeResult(
            metadata=withhold({**shown, **reported, **use_metadata(steps)}, platform.secrets),
            data_version=dg.DataVersion(version) if version else None,
        )

    return asset


def anchors_asset(names: FeedNames, feed: FeedDeclaration) -> dg.AssetsDefinition:
    """Return the pinned window. Materialising it shows the anchors; only a sensor pins new ones."""

    def step(platform: Platform, run: RunId) -> tuple[Metadata, str | None]:
        return anchors_metadata(platform.anchors(run)), None

    return step_asset(
        names, names.anchors, [], step, feed.description or f"Windows of {feed.feed}."
    )


def lag_asset(names: FeedNames) -> dg.AssetSpec:
    """Return what waits in the streams. Nothing makes it; every tick of a sensor observes it."""
    text = "What no window has taken yet, in records and seconds, as every tick finds it."
    return dg.AssetSpec(names.lag, group_name=names.feed, description=text)


def landing_asset(names: FeedNames, stream: str) -> dg.AssetsDefinition:
    """Return the delivered bytes of a stream."""

    def step(platform: Platform, run: RunId) -> tuple[Metadata, str | None]:
        return landing_metadata(land(platform, run, stream)), None

    text = f"Exactly the anchored records of {stream}, as they came."
    return step_asset(names, names.landing(stream), [names.anchors], step, text)


def admission_asset(names: FeedNames, feed: FeedDeclaration, stream: str) -> dg.AssetsDefinition:
    """Return what became of each delivered record of a stream.

    Where windows go side by side, the first stream is admitted before the others.
    """

    def step(platform: Platform, run: RunId) -> tuple[Metadata, str | None]:
        return admission_metadata(taken(admit, waits(platform, run), platform, run, stream)), None

    text = f"{stream}: delivered = admitted + duplicate + quarantined."
    first = feed.leading_stream
    before = [names.admission(first)] if feed.side_by_side and stream != first else []
    reads = [names.landing(stream), *before]
    declared = feed.streams[stream].engine
    engine = None if declared == "embedded" else declared
    return step_asset(names, names.admission(stream), reads, step, text, engine=engine)


def product_asset(
    names: FeedNames, feed: FeedDeclaration, name: str, product: ProductDeclaration
) -> dg.AssetsDefinition:
    """Return a product: all admitted events of one type, sorted."""

    def step(platform: Platform, run: RunId) -> tuple[Metadata, str | None]:
        manifest = build(platform, run, name)
        return product_metadata(manifest), manifest["content_digest"]

    stream = feed.stream_of(product.event)
    text = f"All admitted {product.event} events of a run, sorted by {', '.join(product.sort)}."
    engine = None if product.engine == "embedded" else product.engine
    reads = [names.admission(stream)]
    return step_asset(names, names.output(name), reads, step, text, engine=engine)


def consumer_asset(
    names: FeedNames, name: str, consumer: ConsumerDeclaration
) -> dg.AssetsDefinition:
    """Return the output of a consumer, which reads certified products through the gate."""

    def step(platform: Platform, run: RunId) -> tuple[Metadata, str | None]:
        manifest = consume(platform, run, name)
        return product_metadata(manifest), manifest["content_digest"]

    reads = [names.output(declared.product) for declared in consumer.reads]
    return step_asset(names, names.output(name), reads, step, _told(consumer))


def _told(consumer: ConsumerDeclaration) -> str:
    if consumer.slice is not None:
        knows = f"What {consumer.slice.ledger} knew of {consumer.slice.targets.product}"
        return f"{knows}: from closed runs, at the cutoffs of the run."
    if consumer.ledger is not None:
        return "Entries of a ledger: what they correct and retract stays, and none ever changes."
    return f"{consumer.function} over certified products of the run and of closed runs."
