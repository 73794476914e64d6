from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.credentials import place, secret
from platform_assets.declarations import SecretReference
from platform_assets.errors import CredentialMissing

if TYPE_CHECKING:
    from pathlib import Path

IN_FILE = SecretReference(file="secrets/password")
IN_ENVIRONMENT = SecretReference(env="STREAM_PASSWORD")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    return tmp_path / "secrets" / "password"


def test_a_secret_in_the_environment_is_read_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("first", "second "):
        monkeypatch.setenv("STREAM_PASSWORD", value)
        assert secret(IN_ENVIRONMENT, tmp_path) == value


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b" hunter2 \n\n", " hunter2 \n"),
        ("zażółć".encode(), "zażółć"),
    ],
)
def test_a_secret_in_a_file_is_all_of_it_but_the_newline_at_its_end(
    tmp_path: Path, file: Path, content: bytes, expected: str
) -> None:
    file.write_bytes(content)
    assert secret(IN_FILE, tmp_path) == expected


def test_a_file_may_stand_outside_the_home(tmp_path: Path, file: Path) -> None:
    file.write_text("hunter2")
    assert secret(SecretReference(file=str(file)), tmp_path / "elsewhere") == "hunter2"


def test_what_is_not_there_is_named_by_its_place(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STREAM_PASSWORD", raising=False)
    with pytest.raises(CredentialMissing, match=r"variable STREAM_PASSWORD.*no such variable"):
        secret(IN_ENVIRONMENT, tmp_path)
    monkeypatch.setenv("STREAM_PASSWORD", "")
    with pytest.raises(CredentialMissing, match="an empty one"):
        secret(IN_ENVIRONMENT, tmp_path)
    with pytest.raises(CredentialMissing, match=r"file secrets/password.*No such file") as refused:
        secret(IN_FILE, tmp_path)
    assert str(tmp_path) not in str(refused.value)
    file.write_text("\n")
    with pytest.raises(CredentialMissing, match="an empty file"):
        secret(IN_FILE, tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(CredentialMissing, match="Is a directory"):
        secret(IN_FILE, tmp_path)


def test_bytes_that_are_no_text_are_refused_without_being_quoted(
    tmp_path: Path, file: Path
) -> None:
    file.write_bytes(b"hunter2\xff")

    with pytest.raises(CredentialMissing, match="no UTF-8 text") as refused:
        secret(IN_FILE, tmp_path)

    assert refused.value.__suppress_context__  # which would quote them
    assert "hunter2" not in repr(refused.value)
    assert refused.value.exit_code == 2


def test_a_place_is_printed_as_it_was_declared() -> None:
    assert place(IN_ENVIRONMENT) == "the environment variable STREAM_PASSWORD"
    assert place(IN_FILE) == "the file secrets/password"
