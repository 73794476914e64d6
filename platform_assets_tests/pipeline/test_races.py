"""Several that do the same step at once, and a run that is closed while others still work in it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from platform_assets.adapters.embedded_engine import EmbeddedEngine
from platform_assets.canonical import digest_bytes
from platform_assets.errors import ClosureRefused, GateRefusal
from platform_assets.flow.closure import Held
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    admit,
    build,
    certify,
    close,
    consume,
    finish,
    land,
    layout,
    open_product,
    pin,
    product_state,
    verify_run,
)
from platform_assets.pipeline import evidence as closing
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = RunId("shop", 1)
ROOT = Path(__file__).parents[2]
_T = TypeVar("_T")


def at_once(act: Callable[[], _T], times: int = 4) -> list[_T]:
    """Do it in so many threads that begin together, and return all answers."""
    answers: list[_T] = []
    begin = threading.Barrier(times)

    def work() -> None:
        begin.wait()
        answers.append(act())

    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == times, "none of them failed"
    return answers


def test_i15_processes_that_run_the_same_feed_leave_one_closed_run(shop: Path) -> None:
    Platform.open(shop).signer  # noqa: B018 - the key is made before they race
    command = [sys.executable, "-m", "platform_assets", "run", "shop", "--home", str(shop)]
    processes = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "POLARS_MAX_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    run = shop / "store/runs" / str(RUN)
    assert [path.name for path in (run / "products/orders").iterdir()] == ["0001"]
    assert len(list((run / "certificates").rglob("*.json"))) == 4
    entries = [path.name for path in (shop / "store/log").glob("0*.json")]
    assert entries == ["0000000001.json"]
    assert len(list((shop / "store/log/checkpoints").iterdir())) == 1
    assert verify_run(Platform.open(shop), RUN).ok


def test_i02_landers_and_admitters_at_once_agree_on_one_receipt(shop: Path) -> None:
    pin(Platform.open(shop), "shop")
    landings = at_once(lambda: land(Platform.open(shop), RUN, "orders"))
    admissions = at_once(lambda: admit(Platform.open(shop), RUN, "orders"))
    assert landings.count(landings[0]) == admissions.count(admissions[0]) == 4
    listed = {part["path"] for part in landings[0]["parts"]}
    folder = shop / "store/runs" / str(RUN)
    stored = {p.relative_to(folder).as_posix() for p in (folder / "landing").rglob("*.parquet")}
    assert stored == listed


def test_i05_builders_of_the_same_bytes_at_once_make_one_generation(shop: Path) -> None:
    _admitted(shop)
    manifests = at_once(lambda: build(Platform.open(shop), RUN, "orders"))
    assert manifests.count(manifests[0]) == 4
    assert _generations(shop, "orders") == ["0001"]
    assert certify(Platform.open(shop), RUN, "orders")["verdict"] == "PASS"
    assert open_product(Platform.open(shop), RUN, "orders", strict=True).rows == 100


def test_i06_builders_of_other_bytes_at_once_make_a_generation_each_and_none_is_certified(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = EmbeddedEngine.make
    sizes = iter((30, 50))
    lock = threading.Lock()

    def of_other_sizes(engine: EmbeddedEngine, job: Any, into: Any) -> Any:
        with lock:
            part_rows = next(sizes)
        return made(engine, replace(job, part_rows=part_rows), into)

    monkeypatch.setattr(EmbeddedEngine, "make", of_other_sizes)
    manifests = at_once(lambda: build(Platform.open(ready), RUN, "orders"), times=2)
    assert {manifest["generation"] for manifest in manifests} == {2, 3}
    assert _generations(ready, "orders") == ["0001", "0002", "0003"]
    with pytest.raises(GateRefusal, match="a certificate for manifest"):
        open_product(Platform.open(ready), RUN, "orders")
    certify(Platform.open(ready), RUN, "orders")
    assert open_product(Platform.open(ready), RUN, "orders").generation == 3


def test_i06_certifiers_at_once_issue_one_certificate(shop: Path) -> None:
    _admitted(shop)
    build(Platform.open(shop), RUN, "orders")
    issued = at_once(lambda: certify(Platform.open(shop), RUN, "orders"))
    assert issued.count(issued[0]) == 4
    assert len(list(_certificates(shop, "orders").iterdir())) == 1


def test_i06_certifiers_under_other_policies_at_once_leave_the_newest_to_count(
    ready: Path,
) -> None:
    def limit(cents: int) -> Callable[[dict[str, Any]], None]:
        return lambda feed: feed["products"]["orders"]["checks"][-1].update(max=cents)

    platforms = []
    for cents in (50_000, 60_000):
        redeclare(ready, limit(cents))
        platforms.append(Platform.open(ready))
    waiting = iter(platforms)
    issued = at_once(lambda: certify(next(waiting), RUN, "orders"), times=2)
    assert len({certificate["policy_digest"] for certificate in issued}) == 2
    assert sorted(p.name for p in _certificates(ready, "orders").iterdir()) == [
        "0001.json",
        "0002.json",
        "0003.json",
    ]
    certify(Platform.open(ready), RUN, "orders")
    assert open_product(Platform.open(ready), RUN, "orders").rows == 100


def test_i06_a_hole_in_the_numbers_of_certificates_does_not_stop_the_next_one(
    ready: Path,
) -> None:
    platform = Platform.open(ready)
    for cents in (50_000, 60_000):
        redeclare(
            ready, lambda feed, c=cents: feed["products"]["orders"]["checks"][-1].update(max=c)
        )
        certify(Platform.open(ready), RUN, "orders")
    (_certificates(ready, "orders") / "0001.json").unlink()
    redeclare(ready, lambda feed: feed["products"]["orders"]["checks"][-1].update(max=70_000))
    certify(Platform.open(ready), RUN, "orders")
    assert (_certificates(ready, "orders") / "0004.json").exists()
    assert open_product(Platform.open(ready), RUN, "orders").rows == 100
    assert platform.feed("shop")


def test_i08_consuming_while_an_input_is_rebuilt_records_what_was_read(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The input changes after it was opened and before its consumption is recorded."""
    attacker = Attacker(ready, RUN)
    before = open_product(Platform.open(ready), RUN, "orders")
    consuming = sys.modules["platform_assets.pipeline.consume"]
    called = consuming._call

    def rebuild_meanwhile(*given: Any, **named: Any) -> Any:
        attacker.part(number=2).unlink()
        attacker.overwrite(attacker.part(number=2), b"damaged meanwhile")
        build(Platform.open(ready), RUN, "orders")
        certify(Platform.open(ready), RUN, "orders")
        attacker.overwrite(
            attacker.part(number=2),
            (attacker.generation(number=2) / "part-00002.parquet").read_bytes(),
        )
        return called(*given, **named)

    redeclare(ready, lambda feed: feed["consumers"]["turnover"]["checks"].pop())
    monkeypatch.setattr(consuming, "_call", rebuild_meanwhile)
    consume(Platform.open(ready), RUN, "turnover")
    monkeypatch.undo()
    record = consuming.read_record(
        Platform.open(ready).store, layout.consumption_path(RUN, "turnover", 1), "consumption"
    )
    read = {given["product"]: given for given in record["inputs"]}["orders"]
    assert (read["generation"], read["manifest_digest"]) == (1, before.manifest_digest)
    assert open_product(Platform.open(ready), RUN, "orders").generation == 2
    certify(Platform.open(ready), RUN, "turnover")
    with pytest.raises(ClosureRefused, match="read another orders than the one that stands"):
        close(Platform.open(ready), RUN)
    assert consume(Platform.open(ready), RUN, "turnover")["generation"] == 2
    certify(Platform.open(ready), RUN, "turnover")
    assert close(Platform.open(ready), RUN)["verdict"] == "CLOSED"


def test_i11_what_is_written_after_the_seal_is_referenced_by_nothing(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A builder, a certifier and a consumer looked before the seal and write after it."""
    platform = Platform.open(ready)
    sealed = open_product(platform, RUN, "orders")
    close(platform, RUN)
    for name in ("build", "certify", "consume"):
        step = sys.modules[f"platform_assets.pipeline.{name}"]
        monkeypatch.setattr(step, "require_open", lambda *_: None)
    attacker = Attacker(ready, RUN)
    kept = attacker.part(number=2).read_bytes()
    attacker.overwrite(attacker.part(number=2), b"so that the builder does not converge")
    assert build(platform, RUN, "orders")["generation"] == 2
    attacker.overwrite(attacker.part(number=2), kept)
    redeclare(ready, lambda feed: feed["products"]["orders"]["checks"].pop())
    late = Platform.open(ready)
    certify(late, RUN, "orders")
    late.store.create(layout.certificate_path(RUN, "orders", 2, 1), b"a certificate of it")
    late.store.create(layout.certificate_path(RUN, "orders", 1, 9), b"a newer certificate")
    consume(late, RUN, "turnover")
    opened = open_product(late, RUN, "orders", strict=True)
    assert (opened.generation, opened.certificate_digest) == (1, sealed.certificate_digest)
    state = product_state(late, RUN, "orders")
    assert (state["generation"], state["manifest_digest"]) == (1, sealed.manifest_digest)
    assert state["certificate"]["manifest_digest"] == sealed.manifest_digest
    assert verify_run(late, RUN).ok


def test_i10_a_generation_certified_while_the_run_is_judged_refuses_the_closure(
    ready: Path,
) -> None:
    """What was judged is not what would be verified: the closer has to begin anew."""
    platform = Platform.open(ready)
    platform.store.create(
        f"{layout.closure_folder(RUN)}/0001.claim",
        closing_claim := closing_of(platform).record(
            "claim", 1, "a" * 32, owner="test", claimed_at="2026-01-01T00:00:00.000000Z"
        ),
    )
    assert digest_bytes(closing_claim)
    records = closing.run_records(platform, RUN, Held(1, "a" * 32))
    assert closing.stored_problems(platform, RUN, records) == []
    redeclare(ready, lambda feed: feed["products"]["orders"]["checks"][-1].update(max=99_999))
    later = Platform.open(ready)
    certify(later, RUN, "orders")
    problems = closing.stored_problems(later, RUN, records)
    assert [(problem.name, "issued meanwhile" in problem.detail) for problem in problems] == [
        ("EveryProductCertified", True)
    ]


def test_i09_a_run_closed_by_another_while_it_is_finished_is_adopted(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = sys.modules["platform_assets.pipeline.run"]
    monkeypatch.setattr(running, "is_closed", lambda *_: False)
    first = close(Platform.open(ready), RUN)
    second = finish(Platform.open(ready), RUN)
    assert (second["already_closed"], second["bundle_digest"]) == (True, first["bundle_digest"])


def closing_of(platform: Platform) -> Any:
    from platform_assets.pipeline.state import closure_of  # noqa: PLC0415

    return closure_of(platform, RUN)


def _admitted(home: Path) -> None:
    platform = Platform.open(home)
    pin(platform, "shop")
    for stream in ("orders", "changes"):
        land(platform, RUN, stream)
        admit(platform, RUN, stream)


def _generations(home: Path, product: str) -> list[str]:
    folder = home / "store" / layout.product_folder(RUN, product)
    return sorted(path.name for path in folder.iterdir())


def _certificates(home: Path, product: str) -> Path:
    return home / "store" / layout.certificate_folder(RUN, product, 1)
