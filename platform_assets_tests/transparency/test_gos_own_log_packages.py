"""What others wrote verifies ours: Go's transparency log packages (golang.org/x/mod/sumdb).

They are what the Go checksum database is verified with. The program beside this file asks them; it is
built where Go is, and their module can be had.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from platform_assets.flow import merkle
from platform_assets_tests.simulators.closed_run import RUN, closed_feed
from platform_assets_tests.simulators.log_key import log_in_memory

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(__file__).with_name("go")
LARGEST = 40
RECORDS = [f"record {number}".encode() for number in range(LARGEST)]
LEAVES = [merkle.leaf_hash(record) for record in RECORDS]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[dict[str, Any]]], list[str]]:
    """Return a function that has Go's packages answer questions, one line each."""
    go = shutil.which("go")
    if go is None:
        _absent("Go is not on this machine")
    had = subprocess.run(
        [go, "mod", "download"],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if had.returncode:
        _absent(f"the Go module cannot be had here: {had.stderr[-300:]}")
    program = tmp_path_factory.mktemp("go") / "check"
    subprocess.run([go, "build", "-o", program, "."], cwd=SOURCE, check=True, timeout=300)

    def answers(questions: list[dict[str, Any]]) -> list[str]:
        done = subprocess.run(
            [program],
            input="\n".join(map(json.dumps, questions)),
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        found = done.stdout.splitlines()
        assert len(found) == len(questions)
        return found

    return answers


def _absent(why: str) -> NoReturn:
    """Skip; where `.ci/run` found Go, not having its packages is a failure."""
    if "go" in os.environ.get("PLATFORM_TESTS_REQUIRE", "").split():
        pytest.fail(why)
    pytest.skip(why)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def grown() -> list[merkle.Tree]:
    trees = [merkle.Tree()]
    for leaf in LEAVES:
        trees.append(trees[-1].with_leaf(leaf))
    return trees


TREES = grown()


def subtree(leaves: merkle.Range) -> bytes:
    start, end = leaves
    return TREES[end - 1].last_subtree(LEAVES[end - 1], (end - start).bit_length() - 1)


def inclusion(index: int, size: int) -> dict[str, Any]:
    hashes = merkle.proof(merkle.inclusion_ranges(index, size), subtree)
    return {
        "kind": "inclusion",
        "record": text(RECORDS[index]),
        "index": index,
        "size": size,
        "hashes": list(map(text, hashes)),
        "root": text(TREES[size].root),
    }


def consistency(old: int, size: int) -> dict[str, Any]:
    hashes = merkle.proof(merkle.consistency_ranges(old, size), subtree)
    return {
        "kind": "consistency",
        "old": old,
        "size": size,
        "hashes": list(map(text, hashes)),
        "before": text(TREES[old].root),
        "root": text(TREES[size].root),
    }


def altered(question: dict[str, Any]) -> dict[str, Any]:
    """The same question over another root."""
    root = bytearray(base64.b64decode(question["root"]))
    root[7] ^= 1
    return {**question, "root": text(bytes(root))}


def test_go_verifies_every_inclusion_and_consistency_proof(
    ask: Callable[[list[dict[str, Any]]], list[str]],
) -> None:
    sizes = range(1, LARGEST + 1)
    questions = [inclusion(index, size) for size in sizes for index in range(size)]
    questions += [consistency(old, size) for size in sizes for old in range(1, size + 1)]
    assert set(ask(questions)) == {"ok"}
    assert "ok" not in ask([altered(question) for question in questions])
    swapped = [q for q in questions if len(q["hashes"]) > 1]
    assert "ok" not in ask([{**q, "hashes": q["hashes"][::-1]} for q in swapped])


def test_go_verifies_the_signature_of_a_checkpoint(
    ask: Callable[[list[dict[str, Any]]], list[str]],
) -> None:
    log, other = log_in_memory(), log_in_memory(2)
    questions = []
    for tree in TREES:
        note = log.checkpoint(tree).decode()
        said = f"log.test/closures\n{tree.size}\n{text(tree.root)}\n"
        questions.append({"kind": "note", "key": str(log.key), "note": note, "text": said})
    assert set(ask(questions)) == {"ok"}
    assert "ok" not in ask([{**q, "key": str(other.key)} for q in questions])
    assert "ok" not in ask(
        [{**q, "note": q["note"].replace("closures\n", "closure\n", 1)} for q in questions]
    )


def test_go_verifies_the_place_in_the_log_that_an_export_holds(
    ask: Callable[[list[dict[str, Any]]], list[str]], tmp_path: Path
) -> None:
    """The two files are taken apart by hand, after the specification, not by our own reader."""
    feed = closed_feed(tmp_path)
    files = feed.bundle(RUN).files
    head, note = files["inclusion.tlog-proof"].decode().split("\n\n", 1)
    first, index, *hashes = head.split("\n")
    origin, size, root = note.split("\n")[:3]
    assert first == "c2sp.org/tlog-proof@v1"
    questions = [
        {
            "kind": "inclusion",
            "record": text(files["log-entry.json"]),
            "index": int(index.removeprefix("index ")),
            "size": int(size),
            "hashes": hashes,
            "root": root,
        },
        {
            "kind": "note",
            "key": feed.predicate["log"]["key"],
            "note": note,
            "text": f"{origin}\n{size}\n{root}\n",
        },
    ]
    assert ask(questions) == ["ok", "ok"]
    assert hashes
    changed = files["log-entry.json"].replace(b"payments-00000002", b"payments-00000003")
    assert ask([{**questions[0], "record": text(changed)}]) != ["ok"]
