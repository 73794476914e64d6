"""What is wrong with a declared ledger or slice is said with its line, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import PlatformError
from platform_assets.pipeline import Platform
from platform_assets_tests.ledgers.desk import DEFS, make_desk

if TYPE_CHECKING:
    from pathlib import Path

#: What is replaced by what -> what is said of it.
MISTAKES = (
    ("subject: case, identity: id", "subject: cases, identity: id", "has no column cases"),
    ("identity: id", "identity: ids", "has no column ids"),
    ("effective: at", "effective: id", "id is no date-time"),
    ("value: [label]", "value: [labels]", "has no column labels"),
    ("value: [label]", "value: []", "an entry of kind assert needs a `value`"),
    ("target: of", "target: whom", "has no column whom"),
    (", target: of", "", "an entry of kind correct needs a `target`"),
    ("kind: correct,", "kind: assert,", "an entry of kind assert names no `target`"),
    ("kind: retract", "kind: correct", "an entry of kind correct needs a `value`"),
    ("identity: id,", "identity: id, where: {label: 3},", "3 can never be found in label"),
    ("identity: id,", "identity: id, where: {lable: x},", "has no column lable"),
    ("product: labelled,", "product: labeled,", "labeled"),
    ("ledger: truth", "ledger: labelled", "labelled is no ledger; ledgers: truth"),
    ("ledger: truth", "ledger: answers", "is not declared before it"),
    (
        "subject: case, history_runs: every",
        "subject: whom, history_runs: every",
        "has no column whom",
    ),
    ("history_runs: every", "history_runs: all", "history_runs"),
    ("history_runs: every", "history_runs: -1", "history_runs"),
    ("targets:", "policy: guess\n        targets:", "policy"),
    ("targets:", 'knowledge: "2026-01-01T00:00:00"\n        targets:', "knowledge"),
    ("      ledger:\n", "      contract: desk/opened.json\n      ledger:\n", "leave out"),
    ("      ledger:\n", "      function: a:b\n      ledger:\n", "and no second one"),
    ("      ledger:\n", "      parameters: {a: 1}\n      ledger:\n", "has parameters"),
)


@pytest.mark.parametrize(("given", "mistake", "said"), MISTAKES)
def test_a_mistake_is_told_with_its_line(
    given: str, mistake: str, said: str, tmp_path: Path
) -> None:
    assert given in DEFS
    home = make_desk(tmp_path / "home", DEFS.replace(given, mistake, 1))
    with pytest.raises(PlatformError) as refused:
        Platform.open(home)
    assert refused.value.exit_code == 2
    assert said in str(refused.value), str(refused.value)
    assert "defs.yaml:" in str(refused.value), str(refused.value)


def test_a_subject_that_may_be_null_is_refused(tmp_path: Path) -> None:
    home = make_desk(tmp_path / "home")
    contract = home / "schemas" / "events" / "desk" / "labelled.json"
    text = contract.read_text()
    contract.write_text(
        text.replace('"case": {"type": "string"}', '"case": {"type": ["string", "null"]}')
    )
    with pytest.raises(PlatformError, match="case of labelled may be null"):
        Platform.open(home)


def test_what_a_ledger_reads_and_writes_follows_from_it(tmp_path: Path) -> None:
    consumers = Platform.open(make_desk(tmp_path / "home")).feed("desk").consumers
    assert [read.product for read in consumers["truth"].reads] == [
        "labelled",
        "corrected",
        "withdrawn",
    ]
    assert consumers["truth"].key == ("sequence",)
    assert [(read.product, read.this_run) for read in consumers["answers"].reads] == [
        ("cases", True),
        ("truth", False),
    ]
