"""Which engine makes a product: the one that its declaration names today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.embedded_engine import EmbeddedEngine

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.declarations import ProductDeclaration
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
