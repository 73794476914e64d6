"""A6: model_signing accepts the folder of a product and refuses whatever was done to it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.pipeline import verify_bundle
from platform_assets_tests.third_party.tools import Answer, model_signing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets_tests.third_party.conftest import Exported


pytestmark = pytest.mark.xdist_group("third_party")  # one worker exports for all of them


def signature(exported: Exported, product: str) -> Path:
    return exported.run / "evidence" / "0001" / "model" / f"{product}.sig"


def call(
    exported: Exported, folder: Path, *, product: str = "orders", key: Path | None = None
) -> list[str]:
    given = {"--signature": signature(exported, product), "--public_key": key or exported.signer}
    words = [word for option, path in given.items() for word in (option, str(path))]
    return ["verify", "key", str(folder), *words]


@pytest.mark.parametrize("product", ["orders", "cancellations", "turnover"])
def test_the_folder_of_every_product_and_consumer_is_accepted(
    answers: dict[str, Answer], product: str
) -> None:
    assert answers[product].accepted, answers[product].text


def _alter(folder: Path) -> None:
    part = folder / "part-00000.parquet"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    _overwrite(part, bytes(data))


def _exchange(folder: Path) -> None:
    first, second = (folder / f"part-0000{number}.parquet" for number in (0, 1))
    one, other = first.read_bytes(), second.read_bytes()
    _overwrite(first, other)
    _overwrite(second, one)


def _edit_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    _overwrite(folder / "manifest.json", json.dumps({**manifest, "rows": 0}).encode())


def _overwrite(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def _link(folder: Path) -> None:
    part = folder / "part-00000.parquet"
    elsewhere = folder.parent / "elsewhere.parquet"
    part.rename(elsewhere)
    part.symlink_to(elsewhere)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a part altered": _alter,
    "two parts exchanged": _exchange,
    "the manifest edited": _edit_manifest,
    "a part added": lambda f: shutil.copy(f / "part-00000.parquet", f / "part-00009.parquet"),
    "a part removed": lambda f: (f / "part-00001.parquet").unlink(),
    "a part renamed": lambda f: (f / "part-00001.parquet").rename(f / "part-00002.parquet"),
    "a part in a folder": lambda f: shutil.copytree(f, f / "more"),
    "a part that is a link": _link,
}


@pytest.fixture(scope="module")
def answers(
    exported_ecdsa: Exported, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Answer]:
    """What model_signing says of each product, of each damage, and under what is another's."""
    sound = exported_ecdsa.generation("orders")
    calls = {
        product: call(exported_ecdsa, exported_ecdsa.generation(product), product=product)
        for product in ("orders", "cancellations", "turnover")
    }
    for damage, do in DAMAGE.items():
        folder = tmp_path_factory.mktemp("damaged") / "0001"
        shutil.copytree(sound, folder)
        do(folder)
        calls[damage] = call(exported_ecdsa, folder)
    calls["another key"] = call(exported_ecdsa, sound, key=exported_ecdsa.other)
    calls["another signature"] = call(exported_ecdsa, sound, product="refunds")
    said = model_signing(list(calls.values()), exported_ecdsa.folder)
    return dict(zip(calls, said, strict=True))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_to_which_something_was_done_is_refused(
    answers: dict[str, Answer], damage: str
) -> None:
    assert not answers[damage].accepted
    assert "Verification failed" in answers[damage].text


def test_another_key_and_another_products_signature_are_refused(
    answers: dict[str, Answer],
) -> None:
    for case, reason in (
        ("another key", "Key mismatch"),
        ("another signature", "Signature mismatch"),
    ):
        assert not answers[case].accepted
        assert reason in answers[case].text


def test_our_own_verification_refuses_a_model_signature_of_another_product(
    exported: Exported, tmp_path: Path
) -> None:
    folder = tmp_path / "evidence"
    shutil.copytree(exported.folder, folder)
    model = folder / exported.run.relative_to(exported.folder) / "evidence" / "0001" / "model"
    _overwrite(model / "orders.sig", (model / "refunds.sig").read_bytes())
    result = verify_bundle(folder, [exported.signer])
    assert any(finding.where.endswith("model/orders.sig") for finding in result.findings)
