"""An installed index in a database of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.postgres.installation import install
from platform_assets.adapters.postgres.truth_index import TruthIndex
from platform_assets.truth.entries import ENTRY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets_tests.servers.postgres import PostgresDatabase


@pytest.fixture
def index(postgres_database: PostgresDatabase) -> Iterator[TruthIndex]:
    """Return an empty index, as the application opens it."""
    install(postgres_database.owner, postgres_database.role)
    with TruthIndex(postgres_database.application, ENTRY) as index:
        yield index
