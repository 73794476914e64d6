"""A replay that comes to something else names where: step, part, row, position and column."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from platform_assets.adapters import part_format
from platform_assets.adapters.part_writer import PartWriter
from platform_assets.adapters.parts import write_frame
from platform_assets.errors import DeclarationInvalid, SourceUnreachable, Usage, VerificationFailed
from platform_assets.flow.checks import Outcome
from platform_assets.flow.replay import Sameness, Verdict
from platform_assets.pipeline import Platform, export_run
from platform_assets.pipeline.replay import Start, replay_bundle, replay_run
from platform_assets.pipeline.replay_platform import Surroundings
from platform_assets_tests.replay.conftest import FIRST, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.adapters.dedupe import Settled
    from platform_assets.adapters.judged_parts import JudgedPart
    from platform_assets.flow.replay import Divergence, Replay


def diverged(result: Replay) -> Divergence:
    assert result.verdict is Verdict.DIVERGED
    assert result.divergence is not None
    return result.divergence


def log_file(home: Path, topic: str, partition: int) -> Path:
    return next((home / "data" / "shop" / topic / str(partition)).glob("*.ndjson"))


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


# --- the streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [Start.WHERE_POSSIBLE, Start.ANCHORS])
def test_a_stream_with_other_bytes_has_diverged(shop: Path, start: Start) -> None:
    path = log_file(shop, "orders", 0)
    lines = lines_of(path)
    lines[7] = lines[7].replace(b'"cents": 114', b'"cents": 115')
    path.write_bytes(b"".join(lines))
    found = diverged(replay_run(Platform.open(shop), FIRST, start=start))
    assert (found.step, found.thing, found.row, found.column) == ("land", "orders", 7, "value")
    assert found.position == {"stream": "orders", "partition": "0", "offset": 7}
    assert found.part.startswith(f"runs/{FIRST}/landing/orders/part-00000.")


def test_where_a_stream_lost_records_the_landing_is_taken_and_the_result_says_why(
    shop: Path,
) -> None:
    log_file(shop, "orders", 1).write_bytes(b"")
    platform = Platform.open(shop)
    result = replay_run(platform, FIRST)
    assert result.verdict is Verdict.REPRODUCED
    assert result.start == "landing"
    assert "orders" in result.reason
    assert "Offset" in result.reason or "no longer" in result.reason
    found = diverged(replay_run(platform, FIRST, start=Start.ANCHORS))
    assert (found.step, found.thing) == ("land", "orders")
    assert found.problem.split(":")[0] in result.reason


@pytest.mark.parametrize("start", [Start.WHERE_POSSIBLE, Start.ANCHORS])
def test_what_one_stream_lost_does_not_hide_that_another_is_different(
    shop: Path, start: Start
) -> None:
    log_file(shop, "orders", 1).write_bytes(b"")
    path = log_file(shop, "changes", 0)
    lines = lines_of(path)
    lines[2] = lines[2].replace(b"null", b'"why"')
    path.write_bytes(b"".join(lines))
    found = diverged(replay_run(Platform.open(shop), FIRST, start=start))
    assert (found.step, found.thing, found.row, found.column) == ("land", "changes", 2, "value")


def test_a_stream_that_does_not_answer_is_an_outage_and_no_verdict(shop: Path) -> None:
    (shop / "data" / "shop").rename(shop / "data" / "away")
    platform = Platform.open(shop)
    for start in (Start.WHERE_POSSIBLE, Start.ANCHORS):
        with pytest.raises(SourceUnreachable, match="--from landing"):
            replay_run(platform, FIRST, start=start)
    assert replay_run(platform, FIRST, start=Start.LANDING).verdict is Verdict.REPRODUCED


# --- the steps ---------------------------------------------------------------------------------------


def test_an_admission_that_loses_a_record_is_named_with_its_position(
    two_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("platform_assets.pipeline.admitted_parts")
    judge_part = module.judge_part

    def loses_one(stream: Any, landed: Any) -> JudgedPart:
        judged: JudgedPart = judge_part(stream, landed)
        if judged.partition != "1" or "placed" not in judged.accepted:
            return judged
        placed = judged.accepted["placed"]
        kept = pl.read_parquet(placed.part.path).filter(pl.col("_offset") != 3)
        placed.part.path.unlink()
        part = write_frame(kept, placed.part.path)
        return replace(judged, accepted={"placed": replace(placed, part=part)})

    monkeypatch.setattr(module, "judge_part", loses_one)
    result = replay_run(Platform.open(two_runs), FIRST, start=Start.LANDING)
    found = diverged(result)
    assert (found.step, found.thing) == ("admit", "orders")
    assert "AdmissionInconsistent" in found.problem
    assert {each.step for each in result.compared} == {"admit"}, "what follows is not compared"


def test_a_record_that_is_judged_otherwise_is_named_with_its_position(
    two_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("platform_assets.pipeline.judging")
    settled_parts = module.settled_parts

    def repeats(pool: Any, accepted: Any, *given: Any, **options: Any) -> Settled:
        settled: Settled = settled_parts(pool, accepted, *given, **options)
        for judged in accepted.judged:
            if judged.partition == "1" and "placed" in judged.accepted:
                rows = pl.read_parquet(judged.accepted["placed"].part.path).slice(3, 1)
                path = options["task"].spill / "planted.arrow"
                rows.select(
                    pl.lit("placed").alias("event"),
                    pl.col("order_id").alias("id"),
                    "_stream",
                    "_partition",
                    "_offset",
                    pl.lit(None, pl.String).alias("first_run"),
                    pl.col("_stream").alias("first_stream"),
                    pl.col("_partition").alias("first_partition"),
                    pl.col("_offset").alias("first_offset"),
                    pl.lit(value=True).alias("same"),
                ).write_ipc(path)
                settled.add(path, judged.landed.number, 0, 1)
        return settled

    monkeypatch.setattr(module, "settled_parts", repeats)
    found = diverged(replay_run(Platform.open(two_runs), FIRST, start=Start.LANDING))
    assert (found.step, found.thing) == ("admit", "orders")
    assert found.position == {"stream": "orders", "partition": "1", "offset": 3}
    assert found.part.startswith(f"runs/{FIRST}/admission/orders/duplicates/")


def test_another_order_of_the_same_rows_is_other_bytes_of_the_product(
    two_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("platform_assets.adapters.embedded_engine")
    sort = module.sort_frame
    monkeypatch.setattr(module, "sort_frame", lambda frame, keys: sort(frame, keys)[::-1])
    found = diverged(replay_run(Platform.open(two_runs), FIRST, start=Start.LANDING))
    assert (found.step, found.thing, found.row) == ("build", "cancellations", 0)
    assert found.position is not None
    assert found.part == f"runs/{FIRST}/products/cancellations/0001/part-00000.parquet"


def test_a_check_that_comes_out_otherwise_is_named(
    two_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("platform_assets.pipeline.certify")
    run_checks = module.run_checks

    def planted(checks: Any, context: Any) -> Any:
        results = run_checks(checks, context)
        return [replace(r, outcome=Outcome.FAIL) if r.check == "range" else r for r in results]

    monkeypatch.setattr(module, "run_checks", planted)
    found = diverged(replay_run(Platform.open(two_runs), FIRST, start=Start.LANDING))
    assert (found.step, found.thing) == ("certify", "orders")
    assert "'PASS', now 'FAIL'" in found.problem


def test_a_consumer_that_counts_otherwise_is_named_with_row_and_column(
    shop: Path,
) -> None:
    functions = shop / "shop_functions.py"
    text = functions.read_text()
    changed = text.replace(
        'pl.col("cents").sum().alias("ordered")', '(pl.col("cents").sum() + 1).alias("ordered")'
    )
    assert changed != text
    functions.write_text(changed)
    found = diverged(replay_run(Platform.open(shop), SECOND, start=Start.LANDING))
    assert (found.step, found.thing, found.row, found.column) == (
        "consume",
        "turnover",
        0,
        "ordered",
    )
    assert found.position is None  # what a consumer makes has no position in a stream


# --- engines -----------------------------------------------------------------------------------------


def test_other_bytes_of_the_same_rows_diverge_under_the_engines_of_the_run(
    two_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_format, "COMPRESSION_LEVEL", 9)
    found = diverged(replay_run(Platform.open(two_runs), FIRST, start=Start.LANDING))
    assert found.step == "admit"
    assert found.problem == "other bytes of the same rows"
    assert found.part


def test_under_other_engines_the_content_decides_and_the_result_says_so(
    two_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("platform_assets.pipeline.code_identity")
    version = module.version_of
    monkeypatch.setattr(
        module, "version_of", lambda name: "99.1" if name == "polars" else version(name)
    )
    platform = Platform.open(two_runs)
    same = replay_run(platform, FIRST, start=Start.LANDING)
    assert same.verdict is Verdict.REPRODUCED
    assert same.decided_by == "part digests"
    assert same.engines == {"polars": (version("polars"), "99.1")}
    monkeypatch.setattr(part_format, "COMPRESSION_LEVEL", 9)
    other = replay_run(platform, FIRST, start=Start.LANDING)
    assert other.verdict is Verdict.REPRODUCED
    assert other.decided_by == "content digests"
    finish = PartWriter.finish
    monkeypatch.setattr(
        PartWriter,
        "finish",
        lambda writer: replace(finish(writer), content_digest="sha256:" + "0" * 64),
    )
    found = diverged(replay_run(platform, FIRST, start=Start.LANDING))
    assert (found.step, found.problem.split()[0]) == ("build", "content_digest")


def test_under_other_engines_without_the_data_it_says_that_no_rows_were_compared(
    two_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_run(Platform.open(two_runs), FIRST, tmp_path / "records.tar")
    module = importlib.import_module("platform_assets.pipeline.code_identity")
    version = module.version_of
    monkeypatch.setattr(
        module, "version_of", lambda name: "99.1" if name == "polars" else version(name)
    )
    monkeypatch.setattr(part_format, "COMPRESSION_LEVEL", 9)
    around = Surroundings(two_runs, tmp_path / "scratch")
    result = replay_bundle(tmp_path / "records.tar", around, start=Start.ANCHORS)
    assert result.verdict is Verdict.REPRODUCED
    assert result.decided_by == "content digests"
    found = {(each.step, each.thing): each.sameness for each in result.compared}
    assert found["land", "orders"] is Sameness.BYTES
    assert found["admit", "orders"] is Sameness.COUNTS
    assert found["build", "orders"] is Sameness.CONTENT


# --- what is not replayed ----------------------------------------------------------------------------


def test_evidence_that_does_not_verify_is_not_replayed(shop: Path) -> None:
    part = next((shop / "store" / f"runs/{FIRST}/landing").rglob("*.parquet"))
    data = part.read_bytes()
    part.chmod(0o644)
    part.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(VerificationFailed, match=r"part-0000\d"):
        replay_run(Platform.open(shop), FIRST)


def test_without_data_there_is_nothing_to_rebuild_from(two_runs: Path, tmp_path: Path) -> None:
    export_run(Platform.open(two_runs), FIRST, tmp_path / "records.tar")
    around = Surroundings(two_runs, tmp_path / "scratch")
    with pytest.raises(Usage, match="--with-data"):
        replay_bundle(tmp_path / "records.tar", around)
    read_again = replay_bundle(tmp_path / "records.tar", around, start=Start.ANCHORS)
    assert read_again.verdict is Verdict.REPRODUCED, "the streams and the records are enough"


def test_what_earlier_runs_admitted_cannot_be_read_again_from_the_streams(
    two_runs: Path, tmp_path: Path
) -> None:
    export_run(Platform.open(two_runs), SECOND, tmp_path / "records.tar")
    around = Surroundings(two_runs, tmp_path / "scratch")
    with pytest.raises(Usage, match=f"absent, the first runs/{FIRST}/products/"):
        replay_bundle(tmp_path / "records.tar", around, start=Start.ANCHORS)


def test_a_function_that_is_not_there_is_named_before_anything_is_rebuilt(
    two_runs: Path, tmp_path: Path
) -> None:
    export_run(Platform.open(two_runs), FIRST, tmp_path / "all.tar", with_data=True)
    around = Surroundings(tmp_path / "nowhere", tmp_path / "scratch")
    with pytest.raises(DeclarationInvalid) as refused:
        replay_bundle(tmp_path / "all.tar", around)
    error = refused.value
    assert error.thing == "function shop_functions:turnover"
    assert "Python path" in error.expected
    assert str(tmp_path / "nowhere") in error.expected
    assert "--home DIR" in error.remedy
    assert not (tmp_path / "scratch" / "landing").exists()
