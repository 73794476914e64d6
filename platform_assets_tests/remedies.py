"""What damages a product of the shop, and doing literally what the refusal of a reader says."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from platform_assets import errors
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    build,
    certify,
    consume,
    finish,
    open_product,
    verify_run,
)
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from platform_assets_tests.attacks import Attacker

RUN = RunId("shop", 1)
_COMMAND = re.compile(r"platform-assets (materialize|certify) ([a-z_]+) --run (shop-[0-9]{8})")


def flip(attacker: Attacker) -> None:
    data = bytearray(attacker.part().read_bytes())
    data[len(data) // 2] ^= 1
    attacker.overwrite(attacker.part(), bytes(data))


def add_file(attacker: Attacker) -> None:
    shutil.copy(attacker.part(), attacker.generation() / "part-00099.parquet")


def other_checks(attacker: Attacker) -> None:
    redeclare(
        attacker.home, lambda feed: feed["products"]["orders"]["checks"][-1].update(max=99999)
    )


def follow(attacker: Attacker, remedy: str) -> None:
    commands = _COMMAND.findall(remedy)
    for verb, product, run in commands:
        made_by = consume if product == "turnover" else build
        step = certify if verb == "certify" else made_by
        step(attacker.platform(), RunId.parse(run), product)
    certified_last = "certify" in {verb for verb, *_ in commands[-1:]}
    if re.search("certify it|step again that signs it", remedy) and not certified_last:
        certify(attacker.platform(), RUN, "orders")


def close_after_moving_away_what_is_named(attacker: Attacker) -> None:
    """Close; a record that nobody can read has to go first, and the refusal names its path."""
    platform = attacker.platform()
    try:
        finish(platform, RUN)
    except errors.ClosureRefused as refused:
        for path in set(re.findall(r"runs/\S+?\.json", refused.found)):
            (attacker.store / path).unlink()
        finish(platform, RUN)
    assert open_product(platform, RUN, "turnover").rows == 7
    assert verify_run(platform, RUN).ok
