"""Checkpoints from different times and hands: tied together, contradicting, or out of reach."""

from __future__ import annotations

from itertools import permutations

import pytest

from platform_assets.errors import CheckpointInvalid, CheckpointUnconnected
from platform_assets.flow import merkle
from platform_assets.flow.checkpoint import (
    Checkpoint,
    Given,
    LogSigner,
    read_given,
    write_consistency,
)
from platform_assets.flow.consistency import consistency_problems
from platform_assets.flow.merkle import Tree, leaf_hash
from platform_assets_tests.simulators.log_key import log_in_memory

LOG = log_in_memory()


class Log:
    """A log of so many entries, the first of which may be another than elsewhere."""

    def __init__(self, size: int, first: str = "0") -> None:
        self.leaves = [leaf_hash(t.encode()) for t in (first, *map(str, range(1, size)))]
        self.trees = [Tree()]
        for leaf in self.leaves:
            self.trees.append(self.trees[-1].with_leaf(leaf))

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(LOG.origin, size, self.trees[size].root)

    def kept(self, size: int, log: LogSigner = LOG) -> tuple[str, Given]:
        return f"kept {size}", read_given(log.checkpoint(self.trees[size]), "it")

    def proof(self, old: int, size: int) -> tuple[str, Given]:
        ranges = merkle.consistency_ranges(old, size)
        hashes = merkle.proof(ranges, self.subtree)
        data = write_consistency(old, hashes, LOG.checkpoint(self.trees[size]))
        return f"proof {old} {size}", read_given(data, "it")

    def subtree(self, leaves: merkle.Range) -> bytes:
        start, end = leaves
        height = (end - start).bit_length() - 1
        return self.trees[end - 1].last_subtree(self.leaves[end - 1], height)


REAL, FORGED = Log(20), Log(20, first="another")


def problems(own: int, *given: tuple[str, Given], log: Log = REAL) -> list[str]:
    found = consistency_problems(log.checkpoint(own), given, [LOG.key])
    return [f"{name}: {problem}" for name, problem in found]


def test_the_same_checkpoint_and_a_proof_from_the_own_one_are_consistent() -> None:
    for own in range(1, 20):
        assert problems(own, REAL.kept(own)) == []
        for newer in range(own, 21):
            assert problems(own, REAL.proof(own, newer)) == []
            assert problems(own, REAL.proof(own, newer), REAL.kept(newer)) == []


def test_checkpoints_are_tied_through_a_newer_one_and_along_chains_in_any_order() -> None:
    through = [REAL.kept(3), REAL.proof(3, 17), REAL.proof(9, 17)]
    chain = [REAL.proof(9, 12), REAL.proof(12, 20), REAL.kept(3), REAL.proof(3, 9)]
    for given in (*permutations(through), *permutations(chain)):
        assert problems(9, *given) == []


@pytest.mark.parametrize(
    "given",
    [
        [REAL.kept(3)],
        [REAL.kept(17)],
        [REAL.proof(3, 9)],  # nobody gave the checkpoint of 3
        [REAL.proof(9, 17), REAL.kept(3)],
        [REAL.proof(0, 17)],  # everything continues nothing
        [REAL.kept(3), REAL.proof(3, 17), REAL.proof(9, 18)],
        [REAL.kept(2), REAL.kept(3), REAL.proof(2, 3)],
    ],
)
def test_what_nothing_ties_to_the_evidence_is_refused_and_never_passed(
    given: list[tuple[str, Given]],
) -> None:
    with pytest.raises(CheckpointUnconnected, match="platform-assets checkpoint --since"):
        problems(9, *given)


def test_another_root_of_one_size_is_a_fork() -> None:
    assert problems(9, FORGED.kept(9)) == ["kept 9: names another root of 9 entries: a fork"]
    both = [REAL.proof(9, 17), FORGED.kept(17)]
    assert problems(9, *both) == ["kept 17: names another root of 17 entries: a fork"]


def test_a_log_that_was_rewritten_since_is_found_whatever_it_proves() -> None:
    for own in range(1, 20):
        [problem] = problems(own, FORGED.proof(own, 20))
        assert problem.startswith(f"proof {own} 20: does not continue the log of {own} entries")
    given = [FORGED.kept(3), FORGED.proof(3, 17), REAL.proof(9, 17)]
    assert problems(9, *given) == ["proof 9 17: names another root of 17 entries: a fork"]


def test_a_checkpoint_of_another_log_or_signed_by_another_key_is_refused() -> None:
    elsewhere = LogSigner("log.test/elsewhere", LOG.signer)
    with pytest.raises(CheckpointInvalid):
        problems(9, REAL.kept(9, log_in_memory(2)))
    with pytest.raises(CheckpointInvalid):
        problems(9, REAL.kept(9, elsewhere))
    with pytest.raises(CheckpointUnconnected, match="elsewhere"):
        consistency_problems(
            REAL.checkpoint(9), [REAL.kept(9, elsewhere)], [LOG.key, elsewhere.key]
        )
