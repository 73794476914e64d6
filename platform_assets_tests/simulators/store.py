"""A store in memory that can lose, delay and refuse what a real one can.

It implements the store port. A fault plan is asked before every create and read; what it answers is
what happens to that one operation. Every operation is kept in ``history`` for checkers.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.adapters.object_paths import check_object_path, check_prefix
from platform_assets.errors import AlreadyExists, ObjectMissing, StoreUnwritable, UnknownOutcome
from platform_assets.ports.store import ObjectStat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Fault(Enum):
    NONE = "none"
    LOST_REQUEST = "the request never arrives, the caller hears nothing"
    LOST_RESPONSE = "the effect happens, the caller hears nothing"
    LATE = "the caller hears nothing, the effect happens some time later"
    RETRIED = "the client retries and meets its own success: already exists"
    FULL = "the store refuses the write"
    UNREADABLE = "the read is not answered"
    CRASH_BEFORE = "the process dies before the effect"
    CRASH_AFTER = "the process dies after the effect"


class SimulatedCrash(BaseException):
    """The process is gone; no handler of the program may see this."""


class SimulatedStore:
    def __init__(self, faults: Callable[[str, str], Fault] | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.history: list[tuple[str, str, Fault]] = []
        self.late: list[tuple[str, bytes]] = []
        self.faults = faults or (lambda _act, _path: Fault.NONE)
        self._folder: Path | None = None

    @property
    def identity(self) -> str:
        return f"simulated {id(self)}"

    def create(self, path: str, data: bytes) -> None:
        check_object_path(path)
        fault = self._fault("create", path)
        if fault is Fault.CRASH_BEFORE:
            raise SimulatedCrash(path)
        if fault is Fault.FULL:
            raise StoreUnwritable(path, expected="room", found="none", remedy="Make room.")
        if fault is Fault.LATE:
            self.late.append((path, data))
        if fault in (Fault.LATE, Fault.LOST_REQUEST):
            raise _unknown(path)
        created = self._effect(path, data)
        if fault is Fault.CRASH_AFTER:
            raise SimulatedCrash(path)
        if fault is Fault.LOST_RESPONSE:
            raise _unknown(path)
        if not created or fault is Fault.RETRIED:
            raise AlreadyExists(path, expected="nothing", found="an object", remedy="Read it.")

    def create_from(self, path: str, source: Path) -> None:
        data = source.read_bytes()
        self.create(path, data)
        source.unlink()

    def read(self, path: str) -> bytes:
        check_object_path(path)
        fault = self._fault("read", path)
        if fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
            raise SimulatedCrash(path)
        if fault is not Fault.NONE:
            raise _unknown(path)
        if path not in self.objects:
            raise ObjectMissing(path, expected="an object", found="nothing", remedy="Write it.")
        return self.objects[path]

    def read_all(self, paths: Iterable[str]) -> dict[str, bytes]:
        found = {}
        for path in paths:
            with suppress(ObjectMissing):
                found[path] = self.read(path)
        return found

    def stat(self, path: str) -> ObjectStat:
        check_object_path(path)
        if path not in self.objects:
            raise ObjectMissing(path, expected="an object", found="nothing", remedy="Write it.")
        return ObjectStat(path, len(self.objects[path]), "1")

    def exists(self, path: str) -> bool:
        check_object_path(path)
        return path in self.objects

    def list(self, prefix: str) -> list[str]:
        folder = "/".join(check_prefix(prefix))
        return sorted(p for p in self.objects if not folder or p.startswith(folder + "/"))

    def local_path(self, path: str) -> Path:
        data = self.read(path)
        if self._folder is None:
            import tempfile  # noqa: PLC0415 - only engines that read files need it

            self._folder = Path(tempfile.mkdtemp())
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def make_durable(self, prefix: str) -> None:
        check_prefix(prefix)

    def deliver_late(self) -> None:
        """Let the delayed writes arrive, in their order."""
        for path, data in self.late:
            self._effect(path, data)
        self.late.clear()

    def _effect(self, path: str, data: bytes) -> bool:
        own = bytes(bytearray(data))  # equal bytes of another creator are another object
        below = any(p.startswith(path + "/") for p in list(self.objects))  # others add to it
        return not below and self.objects.setdefault(path, own) is own

    def _fault(self, act: str, path: str) -> Fault:
        fault = self.faults(act, path)
        self.history.append((act, path, fault))
        return fault


def _unknown(path: str) -> UnknownOutcome:
    return UnknownOutcome(path, expected="an answer", found="none", remedy="Look again.")
