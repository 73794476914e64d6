"""Whatever is damaged or misnamed, a step answers or refuses in four parts, never with a bare error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.canonical import canonical_bytes, digest_bytes
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
    next_run,
    open_product,
    product_parts,
    product_state,
    run_details,
    run_summary,
)
from platform_assets.pipeline.run import Silence
from platform_assets.pipeline.waiting import at_once
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN = RunId("shop", 1)

STEPS: dict[str, Callable[[Platform, RunId], object]] = {
    "land": lambda p, run: land(p, run, "orders"),
    "admit": lambda p, run: admit(p, run, "orders"),
    "build": lambda p, run: build(p, run, "orders"),
    "certify": lambda p, run: certify(p, run, "orders"),
    "consume": lambda p, run: consume(p, run, "turnover"),
    "open": lambda p, run: open_product(p, run, "orders"),
    "state": lambda p, run: product_state(p, run, "orders"),
    "summary": run_summary,
    "details": run_details,
    "finish": finish,
    "close": close,
}
WRITING = ("land", "admit", "build", "certify", "consume")


@pytest.mark.parametrize("step", [step for step in STEPS if step != "state"])
@pytest.mark.parametrize("run", ["nothing-00000001", "shop-00000009"])
def test_a_run_of_no_feed_or_never_pinned_is_refused_by_every_step(
    step: str, run: str, shop: Path
) -> None:
    with pytest.raises(errors.PlatformError) as refused:
        STEPS[step](Platform.open(shop), RunId.parse(run))
    _in_four_parts(refused.value)


@pytest.mark.parametrize("step", [land, admit])
def test_a_stream_that_the_run_has_not_is_unknown(step: Any, ready: Path) -> None:
    with pytest.raises(errors.UnknownThing, match="expected one of"):
        step(Platform.open(ready), RUN, "nothing")
    with pytest.raises(errors.InvalidName):
        step(Platform.open(ready), RUN, "../orders")


@pytest.mark.parametrize("step", [build, certify, consume, open_product, product_state])
def test_a_product_that_the_feed_has_not_is_unknown(step: Any, ready: Path) -> None:
    with pytest.raises(errors.UnknownThing, match="nothing"):
        step(Platform.open(ready), RUN, "nothing")
    with pytest.raises(errors.PlatformError):
        step(Platform.open(ready), RUN, "../orders")


@pytest.mark.parametrize("step", WRITING)
def test_i11_a_closed_run_takes_no_step(step: str, closed_shop: Path) -> None:
    platform = Platform.open(closed_shop)
    store = closed_shop / "store"
    for receipt in (
        layout.landing_receipt_path(RUN, "orders"),
        layout.admission_receipt_path(RUN, "orders"),
    ):
        (store / receipt).unlink()
    before = sorted(store.rglob("*"))
    with pytest.raises(errors.RunSealed, match="correction is a new run"):
        STEPS[step](platform, RUN)
    assert sorted(store.rglob("*")) == before


def test_every_record_that_is_no_json_is_refused_in_four_parts(ready: Path) -> None:
    """Each record of an open run in turn; every step either goes on without it or refuses."""
    _damage_each(ready, lambda _: b"\xff{", ("details", "open", "certify", "build", "consume"))


def test_every_record_that_is_another_record_is_refused_in_four_parts(ready: Path) -> None:
    _damage_each(ready, lambda _: b'{"record":"beat"}', ("details", "open", "certify", "close"))


def test_every_record_that_is_gone_is_refused_or_made_again(ready: Path) -> None:
    _damage_each(ready, lambda path: path.unlink(), ("details", "open", "certify", "finish"))


def test_i12_every_record_of_a_closed_run_that_is_no_json_is_refused(closed_shop: Path) -> None:
    _damage_each(closed_shop, lambda _: b"", ("details", "open", "close"))


def _damage_each(
    home: Path, damage: Callable[[Path], bytes | None], steps: tuple[str, ...]
) -> None:
    store = home / "store"
    records = [path for path in sorted(store.rglob("*")) if path.suffix != ".parquet"]
    for path in [path for path in records if path.is_file()]:
        if "evidence" in path.parts and path.name != "bundle.json":
            continue
        kept = {p: p.read_bytes() for p in store.rglob("*") if p.is_file()}
        data = damage(path)
        if data is not None:
            path.unlink()
            path.write_bytes(data)
        for step in steps:
            try:
                STEPS[step](Platform.open(home), RUN)
            except errors.PlatformError as error:
                _in_four_parts(error)
        for later in [p for p in store.rglob("*") if p.is_file()]:
            if kept.get(later) is None:
                later.unlink()
        for before, content in kept.items():
            if not before.exists() or before.read_bytes() != content:
                before.unlink(missing_ok=True)
                before.write_bytes(content)


def _in_four_parts(error: errors.PlatformError) -> None:
    assert all((error.thing, error.expected, error.found, error.remedy))


# --- what one step hands to the next -------------------------------------------------------------


def _landed(store: Path) -> Path:
    return next(store.glob("runs/*/landing/orders/*.parquet"))


def _admitted(store: Path) -> Path:
    return next(store.glob("runs/*/admission/orders/placed/*.parquet"))


@pytest.mark.parametrize("damage", ["altered", "removed", "a link"])
def test_i02_landed_parts_that_are_not_as_received_are_not_admitted(
    damage: str, ready: Path
) -> None:
    (ready / "store" / layout.admission_receipt_path(RUN, "orders")).unlink()
    _damage(_landed(ready / "store"), damage)
    refusal = errors.PartNotRegular if damage == "a link" else errors.LandingInconsistent
    with pytest.raises(refusal):
        admit(Platform.open(ready), RUN, "orders")


@pytest.mark.parametrize("damage", ["altered", "removed", "a link"])
def test_i03_admitted_parts_that_are_not_as_received_are_not_built(
    damage: str, ready: Path
) -> None:
    _damage(_admitted(ready / "store"), damage)
    refusal = errors.PartNotRegular if damage == "a link" else errors.AdmissionInconsistent
    with pytest.raises(refusal):
        build(Platform.open(ready), RUN, "orders")


@pytest.mark.parametrize("choose", [_landed, _admitted])
@pytest.mark.parametrize("damage", ["altered", "removed"])
def test_i10_stored_parts_that_are_not_as_listed_refuse_the_closure(
    choose: Callable[[Path], Path], damage: str, ready: Path
) -> None:
    _damage(choose(ready / "store"), damage)
    requirement = "LandingReconciles" if choose is _landed else "AdmissionReconciles"
    with pytest.raises(errors.ClosureRefused, match=f"{requirement}: .*Inconsistent"):
        close(Platform.open(ready), RUN)


@pytest.mark.parametrize("table", ["duplicates", "quarantine"])
def test_i10_set_aside_records_that_were_lost_refuse_the_closure(table: str, shop: Path) -> None:
    append(shop, "orders", 0, [b"{", order(0)])
    platform = Platform.open(shop)
    run = next_run(platform, "shop")
    assert run == RUN
    declaration = platform.run_configuration(RUN).declaration
    module = sys.modules["platform_assets.pipeline.run"]
    module._steps(platform, RUN, declaration, module._Acting(Silence(), at_once))
    next((shop / "store").glob(f"runs/*/admission/orders/{table}/*.parquet")).unlink()
    with pytest.raises(errors.ClosureRefused, match=r"AdmissionReconciles: .*Inconsistent"):
        close(platform, RUN)


def test_i08_a_consumption_recorded_otherwise_is_a_conflict(ready: Path) -> None:
    path = ready / "store" / layout.consumption_path(RUN, "turnover", 1)
    _rewrite(path, lambda record: record["inputs"][0].update(rows=99))
    with pytest.raises(errors.RecordConflict):
        consume(Platform.open(ready), RUN, "turnover")


def test_i05_a_put_part_never_replaces_what_stands(ready: Path) -> None:
    """A part is named by its content: another file under that name was put there from outside."""
    path = _admitted(ready / "store")
    (ready / "store" / layout.admission_receipt_path(RUN, "orders")).unlink()
    _damage(path, "altered")
    with pytest.raises(errors.PartAltered, match="Move the file away"):
        admit(Platform.open(ready), RUN, "orders")
    path.unlink()
    assert admit(Platform.open(ready), RUN, "orders")["admitted"] == 100


def test_i03_a_receipt_without_the_products_event_is_refused(ready: Path) -> None:
    path = ready / "store" / layout.admission_receipt_path(RUN, "orders")
    _rewrite(path, lambda r: r.update(events={"other": r["events"]["placed"]}))
    for step in (build, certify):
        with pytest.raises(errors.AdmissionInconsistent):
            step(Platform.open(ready), RUN, "orders")


def test_i06_a_product_is_not_certified_under_another_receipt_than_its_own(ready: Path) -> None:
    path = ready / "store" / layout.admission_receipt_path(RUN, "orders")
    _rewrite(path, lambda receipt: receipt["reasons"].update(FORGED=0))
    with pytest.raises(errors.AdmissionInconsistent, match="it was built from"):
        certify(Platform.open(ready), RUN, "orders")


@pytest.mark.parametrize("damage", ["altered", "removed", "a link"])
def test_i06_a_product_whose_parts_are_damaged_is_not_certified(damage: str, ready: Path) -> None:
    """No declared check may notice; the cancellations have none that would."""
    attacker = Attacker(ready, RUN)
    platform = Platform.open(ready)
    open_product(platform, RUN, "cancellations")
    before = sorted((ready / "store").rglob("*.json"))
    _damage(attacker.part("cancellations"), damage)
    with pytest.raises((errors.PartAltered, errors.PartMissing, errors.PartNotRegular)):
        certify(platform, RUN, "cancellations")
    assert sorted((ready / "store").rglob("*.json")) == before


def test_i06_a_manifest_of_an_event_that_was_not_admitted_is_not_certified(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    attacker.rewrite_manifest(lambda manifest: manifest["producer"].update(name="other"))
    with pytest.raises(errors.AdmissionInconsistent):
        certify(Platform.open(ready), RUN, "orders")


def test_i06_a_certificate_that_no_reader_would_take_is_not_issued(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys.modules["platform_assets.pipeline.certify"], "verdict_of", lambda *_: "MAYBE"
    )
    before = sorted((ready / "store").rglob("*.json"))
    with pytest.raises(errors.RecordInvalid, match="verdict"):
        certify(Platform.open(ready), RUN, "orders")
    assert sorted((ready / "store").rglob("*.json")) == before


def test_i06_certifying_hashes_every_part_whatever_is_remembered(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform.open(ready)
    open_product(platform, RUN, "orders")
    hashed: list[str] = []
    hashing = product_parts.sha256_file
    monkeypatch.setattr(
        product_parts, "sha256_file", lambda path: hashed.append(path.name) or hashing(path)
    )
    certify(platform, RUN, "orders")
    assert sorted(hashed) == [f"part-0000{n}.parquet" for n in range(3)]


def test_i06_a_product_that_is_pending_or_foreign_is_not_certified(ready: Path) -> None:
    attacker = Attacker(ready, RUN)
    attacker.overwrite(attacker.manifest(), attacker.manifest("refunds").read_bytes())
    with pytest.raises(errors.ManifestForeign):
        certify(Platform.open(ready), RUN, "orders")
    attacker.manifest().unlink()
    with pytest.raises(errors.GenerationPending):
        certify(Platform.open(ready), RUN, "orders")


# --- configuration and functions -----------------------------------------------------------------


def _configuration(home: Path) -> Path:
    (path,) = (home / "store" / "configs").glob("*.json")
    return path


def test_a_configuration_that_is_gone_is_missed(ready: Path) -> None:
    _configuration(ready).unlink()
    with pytest.raises(errors.RecordMissing, match="exported evidence"):
        build(Platform.open(ready), RUN, "orders")


def test_a_configuration_other_than_the_pinned_one_is_refused(ready: Path) -> None:
    _rewrite(_configuration(ready), lambda c: c["declaration"]["dedupe"].update(horizon_runs=0))
    with pytest.raises(errors.RecordInvalid, match="expected digest sha256"):
        build(Platform.open(ready), RUN, "orders")


def test_a_configuration_of_another_release_is_refused(ready: Path) -> None:
    configuration = json.loads(_configuration(ready).read_bytes())
    configuration["declaration"]["window"]["max_records"] = "as many as there are"
    data = canonical_bytes(configuration)
    (ready / "store" / layout.configuration_path(digest_bytes(data))).write_bytes(data)
    anchors = ready / "store" / layout.anchors_path(RUN)
    _rewrite(anchors, lambda record: record.update(config_digest=digest_bytes(data)))
    with pytest.raises(errors.RecordInvalid, match="release"):
        build(Platform.open(ready), RUN, "orders")


def test_a_receipt_of_another_kind_is_no_receipt(ready: Path) -> None:
    landing, admission = (
        ready / "store" / path(RUN, "orders")
        for path in (layout.landing_receipt_path, layout.admission_receipt_path)
    )
    landing.unlink()
    landing.write_bytes(admission.read_bytes())
    with pytest.raises(errors.RecordInvalid, match="one of kind admission"):
        land(Platform.open(ready), RUN, "orders")


def test_a_product_declared_no_more_is_named(ready: Path) -> None:
    redeclare(ready, lambda feed: feed["consumers"].pop("turnover"))
    with pytest.raises(errors.UnknownThing, match="turnover"):
        build(Platform.open(ready), RUN, "orders")


FUNCTIONS = {
    "raises": "raise ValueError('no rates')",
    "exits": "raise SystemExit(0)",
    "panics": "raise pl.exceptions.PanicException('engine')",
    "nothing": "return None",
    "undeclared": "return as_it_was(inputs, parameters).with_columns(more=1)",
    "absent": "return as_it_was(inputs, parameters).drop('refunded')",
    "other type": "return as_it_was(inputs, parameters).with_columns(pl.col('ordered').cast(str))",
    "null": "return as_it_was(inputs, parameters).with_columns(ordered=pl.lit(None, pl.Int64))",
    "repeated": "f = as_it_was(inputs, parameters).collect(); return pl.concat([f, f])",
    "fails when collected": "return as_it_was(inputs, parameters).select(pl.col('ordered') / 'x')",
}


CAUSES = {"raises": "ValueError: no rates", "exits": "SystemExit", "panics": "PanicException"}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_i08_a_consumer_that_answers_wrongly_has_failed(
    case: str, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"answers_{list(FUNCTIONS).index(case)}"
    source = (ready / "shop_functions.py").read_text().replace("def turnover", "def as_it_was")
    source += f"\n\ndef turnover(inputs, parameters):\n    {FUNCTIONS[case]}\n"
    _consumer(ready, monkeypatch, module, source)
    before = sorted((ready / "store").rglob("*"))
    with pytest.raises(errors.ConsumerFailed) as refused:
        consume(Platform.open(ready), RUN, "turnover")
    _in_four_parts(refused.value)
    assert CAUSES.get(case, "") in refused.value.found
    assert sorted((ready / "store").rglob("*")) == before


@pytest.mark.parametrize(
    "source", ["raise RuntimeError('at import')", "def other(): ...", "turnover = 7", "def ("]
)
def test_a_consumers_module_that_cannot_be_used_is_named(
    source: str, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _consumer(ready, monkeypatch, f"module_{abs(hash(source))}", source)
    with pytest.raises(errors.DeclarationInvalid, match="function module_"):
        consume(Platform.open(ready), RUN, "turnover")


def _consumer(home: Path, monkeypatch: pytest.MonkeyPatch, module: str, source: str) -> None:
    """Let the consumer of the pinned run be another module's function."""
    (home / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(home)
    pinned = Platform.run_configuration

    def with_function(platform: Platform, run: RunId) -> Any:
        configuration = pinned(platform, run)
        configuration.declaration.consumers["turnover"] = configuration.declaration.consumers[
            "turnover"
        ].model_copy(update={"function": f"{module}:turnover"})
        return configuration

    monkeypatch.setattr(Platform, "run_configuration", with_function)


def test_next_run_of_an_undeclared_feed_is_unknown(shop: Path) -> None:
    with pytest.raises(errors.UnknownThing):
        next_run(Platform.open(shop), "nothing")


def _damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.unlink()
    if how == "altered":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif how == "a link":
        elsewhere = path.parents[5] / "elsewhere"
        elsewhere.write_bytes(data)
        path.symlink_to(elsewhere)


def _rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads(path.read_bytes())
    change(record)
    path.unlink()
    path.write_bytes(canonical_bytes(record))
