"""A home whose run is finished and not yet closed: what every race begins with.

Run as ``python -m platform_assets_tests.races.ready_home DIR TTL_SECONDS`` it makes one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, build, certify, consume, land, pin
from platform_assets_tests.shop import make_shop

RUN = RunId("shop", 1)


def make_ready(home: Path, *, ttl_seconds: float, settings: str = "") -> Path:
    """Make the shop, process its first run up to its closure, and return the home."""
    make_shop(home, orders=20)
    with (home / "platform.yaml").open("a") as file:
        file.write(f"claim_ttl_seconds: {ttl_seconds}\n{settings}")
    platform = Platform.open(home)
    pin(platform, "shop")
    declared = platform.feed("shop")
    for stream in declared.streams:
        land(platform, RUN, stream)
        admit(platform, RUN, stream)
    for product in declared.products:
        build(platform, RUN, product)
        certify(platform, RUN, product)
    for consumer in declared.consumers:
        consume(platform, RUN, consumer)
        certify(platform, RUN, consumer)
    return home


if __name__ == "__main__":
    make_ready(Path(sys.argv[1]), ttl_seconds=float(sys.argv[2]))
