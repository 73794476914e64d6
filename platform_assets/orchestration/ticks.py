"""What a tick of a sensor answers: the runs that it asks for, or why it asks for none, and the lag.

Every tick reports the lag that it found as an observation of the feed's ``lag`` asset, where the UI
plots it over the ticks. While a feed stays without any, once is enough.

Dagster keeps the keys of the newest runs only; those of older closed runs are retired. The store is the
record of all runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from platform_assets.canonical import digest
from platform_assets.identifiers import RunId
from platform_assets.orchestration.metadata import lag_metadata
from platform_assets.orchestration.names import FeedNames
from platform_assets.orchestration.requests import Asked, History, run_request
from platform_assets.pipeline import Platform, product_state
from platform_assets.pipeline.backpressure import Turn
from platform_assets.pipeline.state import is_closed

#: Partition keys that a feed keeps in Dagster; its queries slow down with thousands of them.
LIVE_RUNS = 2_000

#: The cursor: whether something waited at the last tick. Nothing but the plot depends on it. An empty
#: cursor would not do, because Dagster then keeps the one before.
NO_LAG, LAG = "no lag", "lag"

Asks = Mapping[RunId, History]


def offsets_result(
    names: FeedNames, turn: Turn, asked: Asks, retire: Sequence[str], cursor: str | None
) -> dg.SensorResult:
    """Return what asks for the runs that can proceed, with the lag that the look found.

    Args:
        names: the feed's names.
        turn: the look.
        asked: what Dagster ran so far for the runs that can proceed.
        retire: the partition keys to be retired.
        cursor: what the tick before left.
    """
    requests = wanted(asked)
    changes: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if requests:
        keys = [str(request.partition_key) for request in requests]
        changes.append(names.partitions.build_add_request(keys))
        if retire:
            changes.append(names.partitions.build_delete_request(list(retire)))
    idle = not turn.lag.records
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else skip_reason(names, turn, asked),
        dynamic_partitions_requests=changes,
        asset_events=[] if idle and cursor == NO_LAG else [observation(names, turn)],
        cursor=NO_LAG if idle else LAG,
    )


def wanted(asked: Asks) -> list[dg.RunRequest]:
    """Return the requests for the runs that are wanted now, in order."""
    return [run_request(run, history) for run, history in asked.items() if history.wanted]


def skip_reason(names: FeedNames, turn: Turn, asked: Asks) -> str:
    """Say why no run is asked for, which runs are open and what waits."""
    waits = f"{turn.left:,} offsets wait"
    if not turn.open:
        return f"no window of {names.feed} is due; {waits}"
    runs = ", ".join(f"{run} ({_state(run, asked)})" for run in turn.open)
    due = "" if turn.full else f"no window of {names.feed} is due; "
    return f"{due}{len(turn.open)} of {turn.limit} runs are open: {runs}; {waits}"


def observation(names: FeedNames, turn: Turn) -> dg.AssetObservation:
    """Return the lag of a look as Dagster keeps and plots it."""
    return dg.AssetObservation(names.lag, metadata=lag_metadata(turn.lag, open_runs=len(turn.open)))


def closing_result(names: FeedNames, platform: Platform, asked: Asks) -> dg.SensorResult:
    """Return what asks for the closure of every open run that is certified and not under way."""
    if not asked:
        return dg.SensorResult(skip_reason=f"no run of {names.feed} is open")
    requests, reasons = [], []
    for run, history in asked.items():
        manifests, refused = certified(platform, run)
        if history.asked is Asked.UNDER_WAY:
            reasons.append(f"{run} is under way")
        elif refused:
            reasons.append(f"{run} is not certified: {', '.join(refused)}")
        else:
            # other bytes are another try; the same bytes are asked for once
            key = f"close {run} {digest(manifests)}"
            requests.append(dg.RunRequest(key, partition_key=str(run)))
    return dg.SensorResult(
        run_requests=requests, skip_reason=None if requests else "; ".join(reasons)
    )


def announced(answer: Mapping[str, Any]) -> str:
    """Say what was announced, and what could not be."""
    events = [f"{event['subject']} ({event['type']})" for event in answer["announced"]]
    said = f"announced {len(events)}: {', '.join(events)}" if events else "nothing new to announce"
    withheld = [f"{subject}: {why}" for subject, why in answer["withheld"].items()]
    return f"{said}; withheld: {'; '.join(withheld)}" if withheld else said


def retired(platform: Platform, keys: Sequence[str]) -> list[str]:
    """Return the keys of closed runs beyond those that a feed keeps, oldest first."""
    old = sorted(keys)[: max(0, len(keys) - LIVE_RUNS)]
    return [key for key in old if is_closed(platform, RunId.parse(key))]


def certified(platform: Platform, run: RunId) -> tuple[dict[str, str], list[str]]:
    """Return the manifest digest of each certified output of a run, and the outputs without one."""
    outputs = platform.run_configuration(run).declaration.outputs()
    states = {name: product_state(platform, run, name) for name in outputs}
    manifests = {n: state["manifest_digest"] for n, state in states.items() if state["readable"]}
    return manifests, [name for name in outputs if name not in manifests]


def _state(run: RunId, asked: Asks) -> str:
    return asked[run].words() if run in asked else "waits for those before it"
