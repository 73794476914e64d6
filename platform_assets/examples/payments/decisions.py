"""Decisions: a transparent score for each authorisation of the run, with the reasons for it.

Every rule that matches adds its points and its code; the codes stand in the order of `_rules`. The
score decides: ``decline`` from ``decline_at`` points, ``review`` from ``review_at`` points, else
``approve``. The features are those of the authorisation's account and currency as of the end of the
run, so the decisions of a run are those of a reviewer who looks at the whole window at once. Points
are integers and limits are minor units; no rule depends on the order of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.examples.history import current_run

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = ["account_id", "currency"]
_QUASI_CASH = ["6051", "7995"]  # merchant category codes of quasi cash and gambling


def decisions(
    inputs: Mapping[str, pl.LazyFrame], parameters: Mapping[str, str | int | bool]
) -> pl.LazyFrame:
    """Return one row per authorisation with the columns of ``decision.v1.json``.

    Args:
        inputs: ``authorisations`` and ``account_activity`` of this run.
        parameters: ``run_id``; the limits ``high_amount_minor``, ``spend_24h_minor`` and
            ``velocity_1h`` of the rules; ``review_at`` and ``decline_at``, in points.
    """
    matches = _rules(parameters)
    score = pl.sum_horizontal(
        pl.when(matched).then(points).otherwise(0) for points, matched in matches.values()
    ).cast(pl.Int64)
    reasons = pl.concat_list(
        pl.when(matched).then(pl.lit(code)) for code, (_, matched) in matches.items()
    ).list.drop_nulls()
    return (
        inputs["authorisations"]
        .filter(pl.col("_run") == current_run(inputs, parameters))
        .join(inputs["account_activity"].drop("_run"), on=_KEY, how="left")
        .with_columns(score=score, reasons=reasons)
        .with_columns(
            decision=pl.when(pl.col("score") >= parameters["decline_at"])
            .then(pl.lit("decline"))
            .when(pl.col("score") >= parameters["review_at"])
            .then(pl.lit("review"))
            .otherwise(pl.lit("approve"))
        )
        .select(
            "event_id",
            "account_id",
            "occurred_at",
            "amount",
            "currency",
            "decision",
            "score",
            "reasons",
        )
        .sort("account_id", "occurred_at", "event_id")
    )


def _rules(parameters: Mapping[str, str | int | bool]) -> dict[str, tuple[int, pl.Expr]]:
    """Return code -> (points, condition). A condition is never null."""
    spent_minor = (pl.col("amount_24h") * 100).cast(pl.Int64)
    return {
        "ISSUER_DECLINED": (80, pl.col("response") != "00"),
        "HIGH_AMOUNT": (30, pl.col("amount_minor") >= parameters["high_amount_minor"]),
        "QUASI_CASH": (25, pl.col("merchant").struct.field("mcc").is_in(_QUASI_CASH)),
        "CARD_ABSENT": (10, ~pl.col("card").struct.field("present")),
        "VELOCITY_1H": (25, _known(pl.col("count_1h") >= parameters["velocity_1h"])),
        "SPEND_24H": (20, _known(spent_minor >= parameters["spend_24h_minor"])),
        "REPEATED_DECLINES": (15, _known(pl.col("declined_24h") >= 2)),  # noqa: PLR2004
        "RECENT_CHARGEBACK": (40, _known(pl.col("chargebacks_7d") > 0)),
        # Not knowing the account is a reason to look, not a reason to approve.
        "ACCOUNT_UNKNOWN": (40, pl.col("as_of").is_null()),
    }


def _known(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(value=False)
