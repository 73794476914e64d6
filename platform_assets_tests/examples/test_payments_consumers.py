"""The features and the decisions, against the same in plain Python over lists of dictionaries."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from platform_assets.contracts.frames import polars_schema
from platform_assets.contracts.judge import EventRule, StreamJudge
from platform_assets.contracts.registry import ContractRegistry
from platform_assets.examples.payments import generator
from platform_assets.examples.payments.amounts import amounts_agree
from platform_assets.examples.payments.decisions import decisions
from platform_assets.examples.payments.features import account_activity
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.resources import schemas_folder
from platform_assets_tests.examples import reference_admission as reference

RUNS = ("payments-00000001", "payments-00000002", "payments-00000003")
DEFS = Path(generator.__file__).with_name("defs.yaml")
HOURS = {"1h": 1, "24h": 24, "7d": 168}
LIMITS = yaml.safe_load(DEFS.read_text())["attributes"]["consumers"]["decisions"]["parameters"]


@pytest.fixture(scope="module")
def registry() -> ContractRegistry:
    return ContractRegistry.load([schemas_folder() / "events"])


@pytest.fixture(scope="module")
def inputs(
    tmp_path_factory: pytest.TempPathFactory, registry: ContractRegistry
) -> dict[str, pl.DataFrame]:
    """Products of three runs, each a third of every partition, in no particular order."""
    log = tmp_path_factory.mktemp("payments") / "log"
    # Few accounts in few days, so that every window has something inside and outside.
    generator.write_log(log, Recipe(records=3_000, accounts=40, days=12, faults={}, late=200))
    frames = {}
    for stream, kind in (("authorisations", "authorisation"), ("reversals", "chargeback")):
        contract = registry.contract(f"payments/{kind}.v1.json")
        rule = EventRule(kind, contract, ("event_id",), {("type",): kind})
        parts = []
        for partition, records in reference.read_topic(log / stream).items():
            rows = StreamJudge([rule]).judge(pl.Series(records, dtype=pl.Binary)).accepted[kind]
            third = -(-len(records) // len(RUNS))
            run = pl.Series(RUNS, dtype=pl.String).gather(rows["_row"] // third)
            parts.append(
                rows.drop("_row", "_id").with_columns(
                    _stream=pl.lit(stream),
                    _partition=pl.lit(partition),
                    _offset=rows["_row"].cast(pl.Int64),
                    _run=run,
                )
            )
        frames[f"{kind}s"] = pl.concat(parts).sample(fraction=1, shuffle=True, seed=3)
    return frames


def through(frames: dict[str, pl.DataFrame], run: str) -> dict[str, pl.LazyFrame]:
    """What the gate gives to a consumer of a run: its rows and those of the runs before it."""
    return {name: frame.filter(pl.col("_run") <= run).lazy() for name, frame in frames.items()}


def expected_activity(frames: dict[str, pl.DataFrame], run: str) -> list[dict[str, Any]]:
    rows = [row for row in frames["authorisations"].to_dicts() if row["_run"] <= run]
    disputes = [row for row in frames["chargebacks"].to_dicts() if row["_run"] <= run]

    def of(rows: list[dict[str, Any]], key: tuple[str, str]) -> list[dict[str, Any]]:
        return [row for row in rows if (row["account_id"], row["currency"]) == key]

    def within(rows: list[dict[str, Any]], as_of: dt.datetime, hours: int) -> list[dict[str, Any]]:
        window = dt.timedelta(hours=hours)
        return [row for row in rows if as_of - window < row["occurred_at"] <= as_of]

    answer = []
    for key in sorted({(r["account_id"], r["currency"]) for r in rows if r["_run"] == run}):
        mine = of(rows, key)
        as_of = max(row["occurred_at"] for row in mine if row["_run"] == run)
        feature = {"account_id": key[0], "currency": key[1], "as_of": as_of}
        for name, hours in HOURS.items():
            inside = within(mine, as_of, hours)
            feature[f"count_{name}"] = len(inside)
            feature[f"amount_{name}"] = sum((row["amount"] for row in inside), Decimal(0))
        declined = [row for row in within(mine, as_of, 24) if row["response"] != "00"]
        feature["declined_24h"] = len(declined)
        feature["chargebacks_7d"] = len(within(of(disputes, key), as_of, 168))
        answer.append(feature)
    return answer


def expected_decision(event: dict[str, Any], features: dict[str, Any] | None) -> dict[str, Any]:
    known = features or dict.fromkeys(
        ("count_1h", "amount_24h", "declined_24h", "chargebacks_7d"), 0
    )
    rules = [
        ("ISSUER_DECLINED", 80, event["response"] != "00"),
        ("HIGH_AMOUNT", 30, event["amount_minor"] >= LIMITS["high_amount_minor"]),
        ("QUASI_CASH", 25, event["merchant"]["mcc"] in {"6051", "7995"}),
        ("CARD_ABSENT", 10, not event["card"]["present"]),
        ("VELOCITY_1H", 25, known["count_1h"] >= LIMITS["velocity_1h"]),
        ("SPEND_24H", 20, known["amount_24h"] * 100 >= LIMITS["spend_24h_minor"]),
        ("REPEATED_DECLINES", 15, known["declined_24h"] >= 2),
        ("RECENT_CHARGEBACK", 40, known["chargebacks_7d"] > 0),
        ("ACCOUNT_UNKNOWN", 40, features is None),
    ]
    score = sum(points for _, points, matched in rules if matched)
    high = score >= LIMITS["decline_at"]
    decision = "decline" if high else "review" if score >= LIMITS["review_at"] else "approve"
    taken = {name: event[name] for name in ("event_id", "account_id", "occurred_at", "amount")}
    reasons = [code for code, _, matched in rules if matched]
    return {
        **taken,
        "currency": event["currency"],
        "decision": decision,
        "score": score,
        "reasons": reasons,
    }


@pytest.mark.parametrize("run", RUNS)
def test_account_activity_is_what_plain_python_counts(
    inputs: dict[str, pl.DataFrame], run: str
) -> None:
    found = account_activity(through(inputs, run), {"run_id": run}).collect()
    assert found.to_dicts() == expected_activity(inputs, run)


def test_every_window_and_count_of_the_features_occurs(inputs: dict[str, pl.DataFrame]) -> None:
    found = account_activity(through(inputs, RUNS[2]), {"run_id": RUNS[2]}).collect()
    assert (found["count_1h"] < found["count_24h"]).any()
    assert (found["count_24h"] < found["count_7d"]).any()
    for column in ("declined_24h", "chargebacks_7d"):
        assert (found[column] > 0).any()
        assert (found[column] == 0).any()


@pytest.mark.parametrize("run", RUNS)
def test_decisions_are_what_plain_python_decides(inputs: dict[str, pl.DataFrame], run: str) -> None:
    features = account_activity(through(inputs, run), {"run_id": run}).collect()
    by_account = {(f["account_id"], f["currency"]): f for f in features.to_dicts()}
    given = {
        "authorisations": through(inputs, run)["authorisations"],
        "account_activity": features.with_columns(_run=pl.lit(run)).lazy(),
    }
    found = decisions(given, {**LIMITS, "run_id": run}).collect()
    events = [row for row in inputs["authorisations"].to_dicts() if row["_run"] == run]
    events.sort(key=lambda row: (row["account_id"], row["occurred_at"], row["event_id"]))
    assert found.to_dicts() == [
        expected_decision(event, by_account[event["account_id"], event["currency"]])
        for event in events
    ]
    assert set(found["decision"]) == {"approve", "decline", "review"}


def test_an_account_without_features_is_looked_at_and_not_approved(
    inputs: dict[str, pl.DataFrame],
) -> None:
    run = RUNS[0]
    features = account_activity(through(inputs, run), {"run_id": run}).collect()
    given = {
        "authorisations": through(inputs, run)["authorisations"],
        "account_activity": features.clear().with_columns(_run=pl.lit(run)).lazy(),
    }
    found = decisions(given, {**LIMITS, "run_id": run}).collect()
    assert len(found) > 100
    assert "approve" not in set(found["decision"])
    assert all("ACCOUNT_UNKNOWN" in reasons for reasons in found["reasons"].to_list())


def test_the_answers_have_exactly_the_columns_of_their_contracts(
    inputs: dict[str, pl.DataFrame], registry: ContractRegistry
) -> None:
    features = account_activity(through(inputs, RUNS[1]), {"run_id": RUNS[1]})
    columns = registry.contract("payments/account_activity.v1.json").columns
    assert features.collect_schema() == pl.Schema(polars_schema(columns))
    given = {
        "authorisations": through(inputs, RUNS[1])["authorisations"],
        "account_activity": features.with_columns(_run=pl.lit(RUNS[1])),
    }
    found = decisions(given, {**LIMITS, "run_id": RUNS[1]})
    columns = registry.contract("payments/decision.v1.json").columns
    assert found.collect_schema() == pl.Schema(polars_schema(columns))


def test_i05_the_order_of_the_rows_changes_nothing(inputs: dict[str, pl.DataFrame]) -> None:
    shuffled = {
        name: frame.sample(fraction=1, shuffle=True, seed=11) for name, frame in inputs.items()
    }
    one, two = (
        account_activity(through(frames, RUNS[2]), {"run_id": RUNS[2]}).collect()
        for frames in (inputs, shuffled)
    )
    assert one.equals(two)


def test_a_run_without_events_has_no_features_whatever_history_holds(
    inputs: dict[str, pl.DataFrame],
) -> None:
    found = account_activity(through(inputs, RUNS[2]), {"run_id": "payments-00000004"}).collect()
    assert found.is_empty()


def test_without_a_run_id_the_newest_run_found_is_meant(inputs: dict[str, pl.DataFrame]) -> None:
    given = through(inputs, RUNS[1])
    told = account_activity(given, {"run_id": RUNS[1]}).collect()
    assert account_activity(given, {}).collect().equals(told)
    with pytest.raises(ValueError, match="no input has a row"):
        account_activity({name: frame.clear() for name, frame in given.items()}, {})


def test_the_contracts_of_the_answers_hold_for_their_rows_as_json(
    inputs: dict[str, pl.DataFrame],
) -> None:
    validator = reference.validator("payments/account_activity.v1.json")
    for row in expected_activity(inputs, RUNS[0])[:50]:
        as_json = json.loads(json.dumps(row, default=_text))
        assert not list(validator.iter_errors(as_json))


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else f"{value:.2f}"


def test_amounts_that_agree_pass_and_one_that_differs_by_a_cent_fails(
    inputs: dict[str, pl.DataFrame],
) -> None:
    frame = inputs["authorisations"]
    assert amounts_agree(frame.lazy(), {"minor_units": 100}).passed
    first = pl.int_range(pl.len()) == 0
    altered = frame.with_columns(amount_minor=pl.col("amount_minor") + first.cast(pl.Int64))
    seen = amounts_agree(altered.lazy(), {"minor_units": 100})
    assert not seen.passed
    assert seen.figures["differing"] == 1


def test_the_largest_amount_that_the_column_holds_is_compared_exactly() -> None:
    frame = pl.LazyFrame(
        {"amount": [Decimal("9999999999999999.99")], "amount_minor": [999999999999999999]},
        schema={"amount": pl.Decimal(18, 2), "amount_minor": pl.Int64},
    )
    assert amounts_agree(frame, {"minor_units": 100}).passed


def test_an_event_exactly_as_old_as_a_window_is_outside_and_one_microsecond_younger_inside() -> (
    None
):
    newest = dt.datetime(2026, 1, 9, 12, tzinfo=dt.UTC)
    hour, tick = dt.timedelta(hours=1), dt.timedelta(microseconds=1)
    moments = [newest, newest - hour, newest - hour + tick, newest - 24 * hour, newest - 168 * hour]
    authorisations = pl.LazyFrame(
        {
            "account_id": ["a00000001"] * 5,
            "currency": ["EUR"] * 5,
            "occurred_at": moments,
            "amount": [Decimal("1.00")] * 5,
            "response": ["00"] * 5,
            "_run": [RUNS[0]] * 5,
        },
        schema_overrides={"amount": pl.Decimal(18, 2), "occurred_at": pl.Datetime("us", "UTC")},
    )
    inputs = {"authorisations": authorisations, "chargebacks": authorisations.clear()}
    row = account_activity(inputs, {"run_id": RUNS[0]}).collect().row(0, named=True)
    assert (row["count_1h"], row["count_24h"], row["count_7d"]) == (2, 3, 4)
