"""What a seal names, and a seal that is adopted, survive a power loss, whoever wrote them.

A local disk shows an object when it is linked, and keeps it when its folder was synced. A process that
dies between the two leaves an object that all others see and that a power loss may still take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.adapters.local_store import LocalStore
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, close, layout

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


class NotedStore(LocalStore):
    """A local store that keeps the order of what is created and what is made durable."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.acts: list[tuple[str, str]] = []

    def create(self, path: str, data: bytes) -> None:
        self.acts.append(("create", path))
        super().create(path, data)

    def make_durable(self, prefix: str) -> None:
        self.acts.append(("make durable", prefix))
        super().make_durable(prefix)


def noted_close(home: Path) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    store = NotedStore(home / "store")
    closed = close(Platform.open(home, store=store), RUN)
    return store.acts, closed


def test_i09_what_a_seal_names_is_made_durable_before_it_is_created(ready: Path) -> None:
    acts, _ = noted_close(ready)
    sealed = acts.index(("create", f"{layout.closure_folder(RUN)}/0001.seal"))
    evidence = [n for n, (act, path) in enumerate(acts) if act == "create" and "/evidence/" in path]
    for folder in (layout.run_folder(RUN), "feeds/shop"):
        assert max(evidence) < acts.index(("make durable", folder)) < sealed


def test_i09_a_seal_that_is_adopted_is_made_durable_before_anyone_is_told(ready: Path) -> None:
    noted_close(ready)
    acts, closed = noted_close(ready)
    assert closed["already_closed"]
    assert ("make durable", layout.closure_folder(RUN)) in acts
