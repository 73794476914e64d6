"""A short run of the fuzz target from its small corpus; long runs are `judge_target`'s own."""

from __future__ import annotations

import copy
import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from platform_assets_tests.fuzz.subjects import GOOD, SUBJECTS

_ROOT = Path(__file__).parents[2]
_CORPUS = Path(__file__).parent / "corpus"
_SEPARATOR = b"\xfe"


@pytest.mark.parametrize("path", sorted(_CORPUS.iterdir()), ids=lambda path: path.name)
def test_every_input_of_the_corpus_gets_one_verdict(path: Path) -> None:
    data = path.read_bytes()
    subject = SUBJECTS[data[0] % len(SUBJECTS)]
    found = subject.compare(data[1:].split(_SEPARATOR), columnar=0)
    assert found.columnar + found.one_by_one >= GOOD


def test_the_fuzzer_finds_nothing_in_a_short_run(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine")
    corpus = shutil.copytree(_CORPUS, tmp_path / "corpus")
    target = [sys.executable, "-m", "platform_assets_tests.fuzz.judge_target", str(corpus)]
    options = ["-max_total_time=8", "-print_final_stats=1", f"-artifact_prefix={tmp_path}/"]
    run = subprocess.run(
        [*target, *options], cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr[-4000:]
    executed = re.search(r"number_of_executed_units: (\d+)", run.stderr)
    assert executed is not None
    assert int(executed[1]) > 1


def test_a_judge_that_accepts_too_much_is_found_out() -> None:
    strict = SUBJECTS[0]
    schema = copy.deepcopy(strict.schema)
    schema["properties"]["minor"].pop("maximum")
    lenient = dataclasses.replace(strict, schema=schema)
    lenient.__dict__["_judges"] = (*lenient._judges[:2], strict._judges[2])
    wrong = strict.record(1).replace(b'"minor":2', b'"minor":200000000')
    assert len(strict.compare([wrong]).refused) == 1
    with pytest.raises(AssertionError, match="200000000"):
        lenient.compare([wrong])
