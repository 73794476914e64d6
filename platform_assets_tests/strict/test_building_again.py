"""I5, I15: the same product is the same ciphertext, however often and by how many it is built."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.local_store import LocalStore
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    admit,
    build,
    certify,
    land,
    open_product,
    pin,
)
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.strict.planted_shop import make_planted

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


class Stopped(BaseException):
    """The process ends here."""


class StoppingStore(LocalStore):
    """Ends the process before or after the first write of a path that holds a text."""

    def __init__(self, root: Path, at: str, moment: str) -> None:
        super().__init__(root)
        self._at = at
        self._moment = moment
        self.stopped = False

    def create(self, path: str, data: bytes) -> None:
        self._around(path, lambda: super(StoppingStore, self).create(path, data))

    def create_from(self, path: str, source: Path) -> None:
        self._around(path, lambda: super(StoppingStore, self).create_from(path, source))

    def _around(self, path: str, write: Any) -> None:
        stops = self._at in path and not self.stopped
        if not stops or self._moment == "after":
            write()
        if stops:
            self.stopped = True
            raise Stopped


def _hashes(home: Path) -> dict[str, str]:
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((home / "store/runs").rglob("*.parquet"))
    }


def _claim(home: Path, generation: int = 1) -> dict[str, Any]:
    path = Attacker(home, RUN).generation(number=generation) / "claim.json"
    return dict(json.loads(path.read_bytes()))


def test_building_again_converges_on_the_same_generation(built_home: Path) -> None:
    before = _hashes(built_home)
    for _ in range(2):
        assert build(Platform.open(built_home), RUN, "orders")["generation"] == 1
    assert _hashes(built_home) == before


def test_a_part_that_is_gone_is_put_back_byte_for_byte(built_home: Path) -> None:
    before = _hashes(built_home)
    Attacker(built_home, RUN).part(number=1).unlink()
    assert build(Platform.open(built_home), RUN, "orders")["generation"] == 1
    assert _hashes(built_home) == before


def test_a_claim_without_its_manifest_is_finished_under_its_key(built_home: Path) -> None:
    before, attacker = _hashes(built_home), Attacker(built_home, RUN)
    attacker.manifest().unlink()
    attacker.part(number=0).unlink()
    assert build(Platform.open(built_home), RUN, "orders")["generation"] == 1
    assert _hashes(built_home) == before


@pytest.mark.parametrize("damage", ["part", "claimed key", "claim"])
def test_what_was_damaged_is_left_and_built_anew_under_another_key(
    built_home: Path, damage: str
) -> None:
    attacker, first = Attacker(built_home, RUN), _claim(built_home)
    path = attacker.generation() / "claim.json"
    if damage == "part":
        attacker.overwrite(attacker.part(), b"PLATENC\1 and nothing of worth")
    elif damage == "claim":
        path.unlink()
    else:
        changed = json.dumps(first, separators=(",", ":"), sort_keys=True)
        wrapped = first["key"]["wrapped"]
        other = ("B" if wrapped[0] == "A" else "A") + wrapped[1:]
        attacker.overwrite(path, changed.replace(wrapped, other).encode())
    platform = Platform.open(built_home)
    second = build(platform, RUN, "orders")
    assert second["generation"] == 2
    assert second["encryption"]["key_id"] != first["key"]["key_id"]
    assert certify(platform, RUN, "orders")["verdict"] == "PASS"
    assert open_product(platform, RUN, "orders").scan().collect().height == 60


def test_many_builders_at_once_come_to_one_generation(built_home: Path) -> None:
    attacker = Attacker(built_home, RUN)
    for path in attacker.generation("cancellations").iterdir():
        path.unlink()
    attacker.generation("cancellations").rmdir()
    platforms = [Platform.open(built_home) for _ in range(6)]
    with ThreadPoolExecutor(len(platforms)) as threads:
        built = list(threads.map(lambda each: build(each, RUN, "cancellations"), platforms))
    assert {manifest["generation"] for manifest in built} == {1}
    assert len({manifest["encryption"]["key_id"] for manifest in built}) == 1


def test_landing_and_admission_again_give_the_same_ciphertext(built_home: Path) -> None:
    before = _hashes(built_home)
    for kind in ("landing", "admission"):
        for path in (built_home / "store/runs" / str(RUN) / kind).rglob("*"):
            if path.is_file():
                path.unlink()
    platform = Platform.open(built_home)
    for stream in ("orders", "changes"):
        land(platform, RUN, stream)
        admit(platform, RUN, stream)
    assert _hashes(built_home) == before


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "at",
    [
        "staging_key.json",
        "landing/orders/part-",
        "landing/orders.json",
        "admission/orders/placed/",
        "admission/orders.json",
        "products/orders/0001/claim.json",
        "products/orders/0001/part-00001",
        "products/orders/0001/manifest.json",
        "certificates/orders/0001/0001.json",
    ],
)
def test_i15_a_process_that_ends_at_a_write_is_continued_by_the_next(
    strict_home: Path, tmp_path: Path, at: str, moment: str
) -> None:
    home = make_planted(tmp_path / "home", strict=True)
    assert pin(Platform.open(home), "shop") == RUN
    store = StoppingStore(home / "store", at, moment)
    with pytest.raises(Stopped):
        _certified(Platform.open(home, store=store))
    _certified(Platform.open(home))
    after, undisturbed = (
        open_product(Platform.open(each), RUN, "orders") for each in (home, strict_home)
    )
    assert after.generation == undisturbed.generation == 1
    assert [p["plaintext"] for p in after.manifest["parts"]] == [
        p["plaintext"] for p in undisturbed.manifest["parts"]
    ]
    assert after.scan().collect().equals(undisturbed.scan().collect())


def _certified(platform: Platform) -> None:
    land(platform, RUN, "orders")
    admit(platform, RUN, "orders")
    build(platform, RUN, "orders")
    assert certify(platform, RUN, "orders")["verdict"] == "PASS"


def test_the_profile_of_a_strict_product_tells_counts_and_no_value(built_home: Path) -> None:
    (path,) = built_home.glob("store/runs/*/profiles/orders/*.json")
    profile = json.loads(path.read_bytes())
    assert profile["rows"] > 0
    assert {name for column in profile["columns"] for name in column} == {"path", "type", "nulls"}
