"""The password of a connection string is found, however it is written."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from platform_assets.declarations.connection_strings import passwords_in
from platform_assets.settings import Settings, TruthIndexSettings


@pytest.mark.parametrize(
    ("dsn", "password"),
    [
        ("postgresql://app:p%40ss%2F@db.invalid:5432/truth", "p@ss/"),
        ("postgres://app:plain@db.invalid/truth?sslmode=require", "plain"),
        ("postgresql://db.invalid/truth?user=app&password=in%20the%20query", "in the query"),
        ("host=db.invalid password=plain dbname=truth", "plain"),
        (r"host=db.invalid password = 'it\'s a \\ sign' dbname=truth", "it's a \\ sign"),
        (r"password=one\ word user=app", "one word"),
    ],
)
def test_the_password_is_found_as_libpq_reads_it(dsn: str, password: str) -> None:
    assert conninfo_to_dict(dsn)["password"] == password
    assert passwords_in(dsn) == {password}


@pytest.mark.parametrize(
    "dsn", ["postgresql://app@db.invalid/truth", "host=db.invalid", "", "service=truth"]
)
def test_where_there_is_none_nothing_is_found(dsn: str) -> None:
    assert passwords_in(dsn) == frozenset()


def test_i14_the_index_address_and_its_password_are_secrets_of_the_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings(truth_index=TruthIndexSettings(dsn_env="OWN_INDEX"))
    assert settings.secret_values() == frozenset()
    dsn = "postgresql://app:p%40ss@db.invalid/truth"
    monkeypatch.setenv("OWN_INDEX", dsn)
    assert settings.secret_values() == {dsn, "p@ss"}
