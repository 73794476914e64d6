"""A6: each command of docs/evidence.md accepts the evidence and refuses whatever of it was altered.

The commands are taken from the page and run as they stand there. Then each file that such a command
names is altered, and the key exchanged, one at a time.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.key_files import signer_from_file
from platform_assets.examples.home import create_home
from platform_assets.pipeline import Platform, finish, next_run
from platform_assets_tests.docs.written_commands import REPOSITORY
from platform_assets_tests.third_party.tools import (
    Answer,
    cosign,
    cosign_program,
    model_signing,
    sigstore_js,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("sigstore_js_packages"),
    pytest.mark.xdist_group("documented_commands"),
]

PAGE = REPOSITORY / "docs" / "evidence.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.removeprefix("$ ")
    for block in _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    for line in block.splitlines()
]
PREPARING, VERIFYING = COMMANDS[:2], COMMANDS[2:]
_SECONDS = 300


def program_of(command: str) -> str:
    return "jq" if command.startswith("cd ") else command.split(maxsplit=1)[0]


def each(word: str = "") -> list[Any]:
    """Return the verifying commands that have a word, each under the name of its program."""
    return [
        pytest.param(command, id=f"{program_of(command)}-{number}")
        for number, command in enumerate(VERIFYING)
        if word in command
    ]


def run(command: str, cwd: Path) -> Answer:
    """Run a command of the page in a folder where it makes sense."""
    program, *words = shlex.split(command)
    if program == "cd":
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-o", "pipefail", "-c", command],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Answer(done.returncode == 0, done.stdout + done.stderr)
    if program == "node":
        assert words[0] == "verify.js"
        return sigstore_js(words[1:], cwd)
    if program == "model_signing":
        return model_signing([words], cwd)[0]
    if program == "cosign":
        return cosign(words, cwd)
    own = [sys.executable, "-m", "platform_assets"] if program == "platform-assets" else [program]
    done = subprocess.run(
        [*own, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return Answer(done.returncode == 0, done.stdout + done.stderr)


def require_program(command: str) -> None:
    program = program_of(command)
    if program == "cosign" and cosign_program() is None:
        pytest.skip("no cosign on the path, and PLATFORM_TESTS_COSIGN names none")
    if program == "jq" and shutil.which("jq") is None:
        pytest.skip("no jq on the path")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page's preparing commands were run."""
    folder = tmp_path_factory.mktemp("page")
    create_home(folder / ".platform", ["earthquakes"])
    platform = Platform.open(folder / ".platform")
    closed = next_run(platform, "earthquakes")
    assert closed is not None
    finish(platform, closed)
    for command in PREPARING:
        answer = run(command, folder)
        assert answer.accepted, answer.text
    shutil.rmtree(folder / ".platform")
    other = signer_from_file(folder / "other-private.pem")
    (folder / "other.pem").write_bytes(other.public_key_pem)
    return folder


def test_the_page_has_commands_for_every_tool() -> None:
    assert [program_of(command) for command in PREPARING] == ["platform-assets", "openssl"]
    programs = [program_of(command) for command in VERIFYING]
    assert set(programs) == {"platform-assets", "cosign", "node", "model_signing", "jq"}
    assert programs.count("cosign") == programs.count("node") == 3


@pytest.mark.parametrize("command", each())
def test_a_documented_command_accepts_the_evidence(prepared: Path, command: str) -> None:
    require_program(command)
    answer = run(command, prepared)
    assert answer.accepted, answer.text


def named_files(command: str, folder: Path) -> list[str]:
    """Return the files that a command names; of a folder the last file in it."""
    if program_of(command) == "jq":
        return ["evidence/runs/earthquakes-00000001/landing/seismic_events.json"]
    found = []
    for word in shlex.split(command):
        path = folder / word
        if word != "signer.pem" and path.is_file():
            found.append(word)
        elif "/" in word and path.is_dir():
            found.append(str(max(path.iterdir()).relative_to(folder)))
        elif word == "evidence":
            found.append("evidence/bundle.json")
    return found


@pytest.mark.parametrize("command", each())
def test_a_documented_command_refuses_each_file_that_was_altered(
    prepared: Path, command: str
) -> None:
    require_program(command)
    files = named_files(command, prepared)
    assert files
    for name in files:
        path = prepared / name
        data = path.read_bytes()
        altered = bytearray(data)
        altered[len(data) // 2] ^= 1
        path.chmod(0o644)
        try:
            path.write_bytes(altered)
            assert not run(command, prepared).accepted, name
        finally:
            path.write_bytes(data)


@pytest.mark.parametrize("command", each("signer.pem"))
def test_a_documented_command_refuses_another_key(prepared: Path, command: str) -> None:
    require_program(command)
    assert not run(command.replace("signer.pem", "other.pem"), prepared).accepted


@pytest.mark.parametrize("command", each("--type"))
def test_a_documented_command_refuses_another_predicate_type(prepared: Path, command: str) -> None:
    require_program(command)
    other = re.sub(r"--type \S+", "--type urn:platform-assets:revocation:v1", command)
    assert not run(other, prepared).accepted


@pytest.mark.parametrize("command", each("--bundle"))
def test_a_documented_command_refuses_a_file_that_is_no_subject(
    prepared: Path, command: str
) -> None:
    require_program(command)
    *words, _ = shlex.split(command)
    assert not run(shlex.join([*words, "evidence/seal.json"]), prepared).accepted
