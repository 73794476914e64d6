"""Whether checkpoints of one log, from different times and hands, belong to one history.

Two checkpoints of one size have to name one root. A proof of consistency ties an older checkpoint to a
newer one; so several checkpoints are tied together by proofs, as a chain or through one that is newer
than all. What the proofs contradict is a finding. What they do not reach is refused: nothing is shown
of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.errors import CheckpointUnconnected
from platform_assets.flow.checkpoint import open_checkpoint
from platform_assets.flow.merkle import verify_consistency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.flow.checkpoint import Checkpoint, Given, LogKey

Found = tuple[str, str]


def consistency_problems(
    own: Checkpoint, given: Sequence[tuple[str, Given]], keys: Sequence[LogKey]
) -> list[Found]:
    """Return pairs of file and problem for whatever contradicts a verified checkpoint.

    Args:
        own: the checkpoint of the evidence.
        given: names and contents of the files that are to be consistent with it.
        keys: the keys of the log.

    Raises:
        CheckpointInvalid: a file's checkpoint is signed by no key of the log.
        CheckpointUnconnected: a checkpoint is of another log, or nothing ties it to the evidence.
    """
    opened = [(name, each, open_checkpoint(each.note, keys, name)) for name, each in given]
    roots, problems = {own.size: own.root}, []
    for name, _, checkpoint in opened:
        if checkpoint.origin != own.origin:
            raise _unconnected(name, f"a checkpoint of {own.origin}", f"one of {checkpoint.origin}")
        if roots.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
            problems.append((name, f"names another root of {checkpoint.size} entries: a fork"))
    ties: list[set[int]] = []
    for name, each, checkpoint in opened:
        old, size = each.old, checkpoint.size
        if not old:
            continue  # no proof, or one that everything continues nothing
        if old not in roots:
            raise _unconnected(
                name, f"the checkpoint of {old} entries, which its proof begins at", "none given"
            )
        if verify_consistency(old, size, roots[old], checkpoint.root, each.hashes):
            ties.append({old, size})
        else:
            problems.append((name, f"does not continue the log of {old} entries: it was rewritten"))
    if not problems:
        _require_reached(own, roots, ties)
    return problems


def _require_reached(own: Checkpoint, roots: dict[int, bytes], ties: list[set[int]]) -> None:
    reached = {own.size}
    while grown := [tie for tie in ties if tie & reached and not tie <= reached]:
        reached = reached.union(*grown)
    if missing := sorted(set(roots) - reached):
        raise _unconnected(
            f"checkpoint of {', '.join(map(str, missing))} entries",
            f"a proof that ties it to the evidence's, of {own.size} entries",
            "none",
        )


def _unconnected(thing: str, expected: str, found: str) -> CheckpointUnconnected:
    return CheckpointUnconnected(
        thing,
        expected=expected,
        found=found,
        remedy="Have the log's home prove it: platform-assets checkpoint --since FILE --out PROOF, "
        "once with the evidence as FILE and once with each checkpoint. Give all of them: --checkpoint "
        "FILE --checkpoint PROOF.",
    )
