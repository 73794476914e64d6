"""I5 and I15: which generation a rebuild becomes, and what it never converges on."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets import errors
from platform_assets.canonical import canonical_bytes
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    build,
    certify,
    finish,
    open_product,
)
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.remedies import add_file

if TYPE_CHECKING:
    from pathlib import Path


RUN = RunId("shop", 1)


def test_i15_a_claim_that_was_damaged_before_its_manifest_is_passed_over(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    attacker.manifest().unlink()
    attacker.overwrite(attacker.generation() / "claim.json", b"{")
    assert build(attacker.platform(), RUN, "orders")["generation"] == 2


def test_i15_a_claim_whose_part_was_altered_is_passed_over_with_every_part(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    attacker.manifest().unlink()
    attacker.part(number=0).unlink()
    attacker.overwrite(attacker.part(number=2), b"other bytes")
    manifest = build(attacker.platform(), RUN, "orders")
    assert (manifest["generation"], len(manifest["parts"])) == (2, 3)
    certify(attacker.platform(), RUN, "orders")
    assert attacker.read().rows == 100


def test_i15_a_claim_on_other_bytes_is_left_to_whoever_made_it(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    claim = json.loads((attacker.generation() / "claim.json").read_bytes())
    other = {**claim, "generation": 2, "manifest_digest": "sha256:" + "0" * 64}
    attacker.overwrite(attacker.generation(number=2) / "claim.json", canonical_bytes(other))
    with pytest.raises(errors.GenerationPending):
        attacker.read()
    assert build(attacker.platform(), RUN, "orders")["generation"] == 3


def test_i05_a_manifest_of_another_number_is_no_generation_to_converge_on(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    shutil.copytree(attacker.generation(), attacker.generation(number=2))
    with pytest.raises(errors.ManifestForeign):
        attacker.read()
    assert build(attacker.platform(), RUN, "orders")["generation"] == 3


@pytest.mark.parametrize("field", ["product", "run_id", "config_digest"])
def test_i05_a_manifest_of_another_thing_is_no_product_to_converge_on(
    field: str, ready: Path
) -> None:
    """Its parts and rows are the same; what they are is not."""
    attacker = Attacker(ready, RUN)
    other = {
        "product": "refunds",
        "run_id": "shop-00000002",
        "config_digest": "sha256:" + "0" * 64,
    }
    attacker.rewrite_manifest(lambda manifest: manifest.update({field: other[field]}))
    assert build(attacker.platform(), RUN, "orders")["generation"] == 2


def test_i05_the_same_bytes_by_other_code_are_the_same_generation(ready: Path) -> None:
    before = Platform.open(ready)
    (ready / "platform.yaml").write_text("revision: a later one\n")
    after = Platform.open(ready)
    assert before.code() != after.code()
    assert build(after, RUN, "orders") == build(before, RUN, "orders")
    assert open_product(after, RUN, "orders").generation == 1


def test_i05_no_generation_follows_the_last_number(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    stray = attacker.generation(number=9999) / "notes.txt"
    attacker.overwrite(stray, b"a note")
    with pytest.raises(errors.GenerationConflict, match="move away") as refused:
        build(attacker.platform(), RUN, "orders")
    assert "generation 9999" in refused.value.found
    stray.unlink()
    assert build(attacker.platform(), RUN, "orders")["generation"] == 1


def test_i10_a_product_that_cannot_be_certified_stops_no_other(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    attacker.certificate("refunds").unlink()
    add_file(attacker)
    with pytest.raises(errors.CertificationFailed) as refused:
        finish(attacker.platform(), RUN)
    assert "orders: PartUnlisted" in refused.value.found
    assert "turnover: blocked by PartUnlisted" in refused.value.found
    assert attacker.certificate("cancellations").exists()
