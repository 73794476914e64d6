"""What may not be said of a run's place in the log: the two files at the root of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.flow.checkpoint import LogKey, LogSigner, write_inclusion
from platform_assets.flow.evidence import LOG_ENTRY_FILE, LOG_PROOF_FILE
from platform_assets.flow.log_entries import Closed, read_entry
from platform_assets.flow.merkle import Tree, leaf_hash
from platform_assets.flow.verification_of_log import place_in_log
from platform_assets_tests.simulators.closed_run import log_files
from platform_assets_tests.simulators.log_key import log_in_memory

if TYPE_CHECKING:
    from platform_assets.flow.log_entries import Entry

LOG, NEW_KEY = log_in_memory(), log_in_memory(2)
BUNDLE = "sha256:" + "b" * 64
EVIDENCE: dict[str, Any] = {
    "run_id": "payments-00000007",
    "config_digest": "sha256:" + "c" * 64,
    "log": {"origin": LOG.origin, "key": str(LOG.key), "size": 5},
}


def tree_of(size: int) -> Tree:
    tree = Tree()
    for number in range(size):
        tree = tree.with_leaf(leaf_hash(f"{number}".encode()))
    return tree


def entry(size: int = 6, **changes: str) -> Entry:
    """The run's entry behind so many others, with another field."""
    fields = {
        "run_id": EVIDENCE["run_id"],
        "config_digest": EVIDENCE["config_digest"],
        "bundle_digest": BUNDLE,
        **changes,
    }
    return read_entry(Closed(**fields, closure_folder="").entry(tree_of(size)))


def judged(
    files: dict[str, bytes], evidence: dict[str, Any] = EVIDENCE, *more: LogKey
) -> list[tuple[str, str]]:
    return list(place_in_log(files, evidence, BUNDLE, more).problems)


def test_an_entry_with_its_proof_and_a_signed_checkpoint_is_a_place_in_the_log() -> None:
    for size in range(5, 40):
        each = entry(size)
        place = place_in_log(log_files(each), EVIDENCE, BUNDLE)
        assert place.problems == ()
        assert place.checkpoint is not None
        assert (place.index, place.checkpoint.root) == (size + 1, each.tree.root)
        assert place.facts() == {
            "origin": LOG.origin,
            "index": size + 1,
            "root": "sha256:" + each.tree.root.hex(),
            "keys": [str(LOG.key)],
        }


@pytest.mark.parametrize("path", [LOG_ENTRY_FILE, LOG_PROOF_FILE])
def test_either_file_has_to_be_there(path: str) -> None:
    files = log_files(entry())
    del files[path]
    assert judged(files) == [(path, "absent")]
    assert place_in_log(files, EVIDENCE, BUNDLE).facts() is None


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("run_id", "payments-00000008"),
        ("config_digest", "sha256:" + "d" * 64),
        ("bundle_digest", "sha256:" + "d" * 64),
    ],
)
def test_an_entry_of_another_run_or_of_other_evidence_is_found(field: str, other: str) -> None:
    [(path, problem)] = judged(log_files(entry(**{field: other})))
    assert path == LOG_ENTRY_FILE
    assert problem.startswith(f"{field} {other}")


def test_an_entry_from_before_the_evidence_was_written_is_found() -> None:
    assert judged(log_files(entry(5))) == []
    assert judged(log_files(entry(4))) == [
        (LOG_ENTRY_FILE, "is entry 5; the log had 5 entries before")
    ]


def test_a_proof_of_another_entry_place_or_size_is_found() -> None:
    mine, later = entry(6), entry(9)
    of = {each.index: log_files(each)[LOG_PROOF_FILE] for each in (mine, later)}
    [(path, problem)] = judged({LOG_ENTRY_FILE: mine.data, LOG_PROOF_FILE: of[10]})
    assert (path, problem) == (LOG_PROOF_FILE, "is of entry 10 of 10, not of 7")
    note = LOG.checkpoint(mine.tree)
    for index, hashes in (
        (5, mine.before.proof_of_next()),
        (6, mine.before.proof_of_next()[::-1]),
        (6, mine.before.proof_of_next()[1:]),
        (6, [*mine.before.proof_of_next(), bytes(32)]),
    ):
        proof = write_inclusion(index, hashes, note)
        [(path, problem)] = judged({LOG_ENTRY_FILE: mine.data, LOG_PROOF_FILE: proof})
        assert path == LOG_PROOF_FILE
        assert "not of 7" in problem or "does not lead" in problem


def test_a_checkpoint_over_another_tree_is_found() -> None:
    mine = entry(6)
    other = tree_of(6).with_leaf(leaf_hash(b"another"))
    proof = write_inclusion(6, mine.before.proof_of_next(), LOG.checkpoint(other))
    [(path, problem)] = judged({LOG_ENTRY_FILE: mine.data, LOG_PROOF_FILE: proof})
    assert (path, problem) == (LOG_PROOF_FILE, "does not lead from the entry to the checkpoint")


def test_a_checkpoint_of_another_key_counts_only_if_the_verifier_names_the_key() -> None:
    files = log_files(entry(), NEW_KEY)
    [(path, problem)] = judged(files)
    assert path == LOG_PROOF_FILE
    assert "a signature by a key of the log" in problem
    assert judged(files, EVIDENCE, NEW_KEY.key) == []


def test_a_log_of_another_name_is_found_though_its_key_is_named() -> None:
    elsewhere = LogSigner("log.test/elsewhere", LOG.signer)
    files = log_files(entry(), elsewhere)
    [(path, problem)] = judged(files, EVIDENCE, elsewhere.key)
    assert (path, problem) == (
        LOG_PROOF_FILE,
        "is of the log log.test/elsewhere, not log.test/closures",
    )
    renamed = {**EVIDENCE, "log": {**EVIDENCE["log"], "origin": "log.test/elsewhere"}}
    assert judged(log_files(entry()), renamed)


def test_a_proof_in_another_form_than_an_export_writes_is_found() -> None:
    files = log_files(entry())
    proof = files[LOG_PROOF_FILE]
    witness = LogSigner("witness.test", NEW_KEY.signer).checkpoint(entry().tree)
    for other in (
        proof + witness.rpartition(b"\n\n")[2],
        proof.partition(b"\n\n")[2],  # the checkpoint alone
        proof.replace(b"c2sp.org/tlog-proof@v1\nindex 6", b"old 6"),
        proof.replace(b"index 6", b"index 6 "),
    ):
        assert [path for path, _ in judged({**files, LOG_PROOF_FILE: other})] == [LOG_PROOF_FILE]


def test_every_changed_bit_of_either_file_is_found() -> None:
    files = log_files(entry())
    for path, data in files.items():
        for place in range(len(data)):
            for bit in range(8):
                changed = bytearray(data)
                changed[place] ^= 1 << bit
                assert judged({**files, path: bytes(changed)}), (path, place, bit)


def test_evidence_that_names_no_usable_key_has_no_place_in_the_log() -> None:
    text = str(LOG.key)
    evidence = {**EVIDENCE, "log": {**EVIDENCE["log"], "key": text[:-1] + "A"}}
    assert [path for path, _ in judged(log_files(entry()), evidence)] == ["bundle.json"]
