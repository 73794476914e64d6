"""Which engine makes a product, and which judges a stream: the one that its declaration names today."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from platform_assets.adapters.embedded_engine import EmbeddedEngine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from platform_assets.adapters.judged_parts import StreamTask
    from platform_assets.adapters.spark.judges import SparkJudges
    from platform_assets.declarations import FeedDeclaration, ProductDeclaration
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.engines import Engine


def engine_of(
    platform: Platform, run: RunId, product: str, declared: ProductDeclaration, spill: Path
) -> Engine:
    """Return the engine of a product.

    Args:
        platform: the opened home.
        run: the run.
        product: the product's name.
        declared: how it is declared.
        spill: a folder for what does not fit in memory.

    Raises:
        EngineMissing: the engine is not installed, or may not have the product's rows.
    """
    if declared.engine == "spark":
        from platform_assets.pipeline.spark import spark_engine  # noqa: PLC0415 - few need it

        return spark_engine(platform, run, product, strict=declared.strict, spill=spill)
    return EmbeddedEngine(platform.budget, spill)


def judges_of(
    platform: Platform,
    run: RunId,
    task: StreamTask,
    declared: FeedDeclaration,
    *,
    scratch: Path,
    spill: Path,
) -> SparkJudges | None:
    """Return what judges a stream elsewhere; None where worker processes of this one do.

    Args:
        platform: the opened home.
        run: the run.
        task: the stream, and where its judged parts come to lie.
        declared: how the feed is declared.
        scratch: a folder for what is exchanged.
        spill: a folder for what does not fit in memory.

    Raises:
        EngineMissing: the engine is not installed, or may not have what the stream has landed.
    """
    if declared.streams[task.stream].engine == "spark":
        from platform_assets.pipeline.spark import spark_judges  # noqa: PLC0415 - few need it

        return spark_judges(
            platform, run, task, strict=declared.strict, scratch=scratch, spill=spill
        )
    return None


@contextmanager
def engines_kept(platform: Platform, feeds: Iterable[str], name: str) -> Iterator[Platform]:
    """Give the home with engines that stay while the context lasts, for who takes several steps.

    Args:
        platform: the opened home.
        feeds: the feeds whose steps are taken.
        name: what the steps are for; a job's log is named after it.
    """
    declared = [platform.feed(feed) for feed in feeds]
    engines = {product.engine for each in declared for product in each.products.values()}
    engines |= {stream.engine for each in declared for stream in each.streams.values()}
    if "spark" not in engines:
        yield platform
        return
    from platform_assets.pipeline.spark import one_application  # noqa: PLC0415 - few need it

    with one_application(platform, name) as kept:
        yield kept
