"""Tests of one ``xdist_group`` run on one worker, also where pytest-xdist alone fails to see to it.

pytest-xdist 3.8 hands a test's group over as a suffix of its id, written to an attribute that pytest
reads no more since 9.2 (pytest-dev/pytest-xdist issue 1386). Nothing fails; every worker starts every
server. This writes the suffix where it is read, and nothing where it stands already.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test the suffix that pytest-xdist meant to give it."""
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        groups = {str(mark.args[0]) for mark in item.iter_markers("xdist_group")}
        suffix = f"@{'_'.join(sorted(groups))}"
        if groups and not item.nodeid.endswith(suffix):
            item._id = type(item._id).parse(item.nodeid + suffix)
