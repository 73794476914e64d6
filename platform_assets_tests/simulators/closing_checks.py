"""What may never be seen in a history of closers, judged from what took effect and when.

1. No object is ever overwritten.
2. Of all seals of a run at most one is not VOID.
3. A seal names evidence that stood before it, written by its own closer, before its epoch's fence, and
   claimed epoch by epoch: each one before it was VOID when its own was claimed.
4. An entry of the log names the bundle that the seal names, and came after the seal; a run stands in
   the log at most once, and the log is sound.
5. Whoever says CLOSED says it after the seal, and all say the same bundle. A closer whose seal stands
   says CLOSED, or that it does not know; nobody meets a seal without its evidence.

At the end, when troubles stopped: the last closer said CLOSED, and the run stands in the log.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from platform_assets.flow import closure_log
from platform_assets.flow.closure import Lost
from platform_assets_tests.simulators.closers import (
    BrokenClosure,
    DamagedLog,
    Refused,
    Said,
    closure_of,
    digest_of,
    evidence_path,
)

if TYPE_CHECKING:
    from platform_assets_tests.simulators.closing_world import Effect, World


def problems(world: World) -> list[str]:
    """Return everything that may never be seen, whatever happened."""
    found = []
    born: dict[str, Effect] = {}
    for effect in world.effects:
        if effect.path in born:
            found.append(f"{effect.path} was overwritten by closer {effect.closer}")
        born.setdefault(effect.path, effect)
    entries = _entries(born)
    found += closure_log.log_problems([entry.data for entry in entries])
    for run in {closer.run for closer in world.closers}:
        found += _problems_of_run(world, run, born, entries)
    return found


def problems_at_the_end(world: World, last: int) -> list[str]:
    """Return also what may not be left when troubles stopped and the closer ``last`` came."""
    found = problems(world)
    closer = world.closers[last]
    if not isinstance(closer.outcome, Said):
        found.append(f"the last closer, undisturbed, ended with {closer.outcome!r}")
    of = closure_of(closer.run)
    if f"{of.folder}/log.json" not in world.objects:
        found.append(f"{of.run_id} has no copy of its log entry")
    if not any(json.loads(e.data)["run_id"] == of.run_id for e in _entries(_objects(world))):
        found.append(f"{of.run_id} is not in the log")
    return found


def _objects(world: World) -> dict[str, Effect]:
    return {effect.path: effect for effect in world.effects}


def _entries(born: dict[str, Effect]) -> list[Effect]:
    """Return the entries of the log in the order of their indices."""
    index, entries = 1, []
    while (entry := born.get(closure_log.log_path(index))) is not None:
        entries.append(entry)
        index += 1
    return entries


def _problems_of_run(
    world: World, run: int, born: dict[str, Effect], entries: list[Effect]
) -> list[str]:
    of = closure_of(run)
    prefix = of.folder + "/"
    seals = {
        int(path[len(prefix) : len(prefix) + 4]): effect
        for path, effect in born.items()
        if path.startswith(prefix) and path.endswith(".seal")
    }
    standing = {
        epoch: json.loads(seal.data) for epoch, seal in seals.items() if b'"void"' not in seal.data
    }
    found = [f"{len(standing)} seals of {of.run_id}"] if len(standing) > 1 else []
    for epoch, record in standing.items():
        found += _references(run, epoch, record, born)
    digests = {record["bundle"] for record in standing.values()}
    first = min((seals[epoch].moment for epoch in standing), default=None)
    for entry in entries:
        named = json.loads(entry.data)
        if named["run_id"] != of.run_id:
            continue
        if first is None or entry.moment < first:
            found.append(f"the log names {of.run_id} before it was sealed")
        elif named["bundle_digest"] not in digests:
            found.append(f"the log names another bundle of {of.run_id} than the seal")
    for number, closer in enumerate(world.closers):
        if closer.run == run and closer.outcome is not None:
            mine = any(seals[epoch].closer == number for epoch in standing)
            found += _problems_of_closer(number, closer.outcome, digests, mine=mine)
            if isinstance(closer.outcome, Said) and (first is None or closer.ended_at <= first):
                found.append(f"closer {number} said CLOSED before there was a seal")
    return found


def _problems_of_closer(
    number: int, outcome: object, digests: set[str], *, mine: bool
) -> list[str]:
    match outcome:
        case Said(digest) if digests != {digest}:
            return [f"closer {number} says CLOSED with a bundle that the seal does not name"]
        case BrokenClosure():
            return [f"closer {number} met a seal without its evidence"]
        case DamagedLog():
            return [f"closer {number} finds the log damaged: {outcome}"]
        case Refused() | Lost() if mine:
            return [f"closer {number} sealed the run and ended with {outcome!r}"]
        case _:
            return []


def _references(run: int, epoch: int, record: dict[str, Any], born: dict[str, Effect]) -> list[str]:
    """Return what is wrong with what a seal refers to, directly and through its bundle."""
    of = closure_of(run)
    seal = born[of.seal_path(epoch)]
    claim = born.get(of.claim_path(epoch))
    found = []
    if claim is None or claim.closer != seal.closer:
        return [f"the seal of epoch {epoch} is not of the closer that claimed it"]
    for before in range(1, epoch):
        barred = born.get(of.seal_path(before))
        if barred is None or barred.moment > claim.moment:
            found.append(f"epoch {epoch} was claimed while epoch {before} was open")
    bundle = born.get(evidence_path(of, epoch, "bundle.json"))
    if bundle is None or digest_of(bundle.data) != record["bundle"]:
        return [*found, f"the seal of epoch {epoch} names a bundle that is not there"]
    files = json.loads(bundle.data)["files"]
    written = {path: born.get(path) for path in files} | {bundle.path: bundle}
    for path, effect in written.items():
        if effect is None or (path in files and digest_of(effect.data) != files[path]):
            found.append(f"the seal of epoch {epoch} refers to {path}, which is not there")
        elif effect.moment >= seal.moment:
            found.append(f"{path} was written after the fence of its epoch {epoch}")
        elif effect.closer != seal.closer:
            found.append(f"{path} of epoch {epoch} was written by closer {effect.closer}")
    return found
