"""Does something while a history of faults happens, and again if an outage kept it from being done."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from platform_assets.errors import PlatformError, SourceUnreachable
from platform_assets_tests.faults.weather import Weather

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets_tests.faults.histories import History
    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

_LOG = logging.getLogger("faults")
_END_SECONDS = 180
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Told(Generic[_Result]):
    """What came of it.

    Attributes:
        result: of the act, in the end.
        met: the faults that took effect meanwhile.
        at_once: it was done during the history, not only after it.
    """

    result: _Result
    met: list[str]
    at_once: bool


def tell(
    history: History,
    cluster: KafkaCluster,
    topic: str,
    unit: float,
    act: Callable[[], _Result],
    nothing_done: Callable[[], bool],
) -> Told[_Result]:
    """Act during a history, and after it if the source could not be reached.

    An outage has to be called by its name and may leave nothing behind: `nothing_done` tells.
    """
    refusal = None
    with Weather(cluster, topic, history, unit) as weather:
        try:
            result = bounded(act)
        except PlatformError as error:
            refusal = error
    said = "done at once" if refusal is None else f"not done: {refusal}"
    _LOG.info("%s, %s, %d bytes: %s", history, weather.met, weather.received, said)
    if refusal is not None:
        assert type(refusal) is SourceUnreachable, f"{history}: {refusal!r}"
        assert nothing_done(), f"{history}: refused and done all the same"
        result = bounded(act)
    return Told(result, weather.met, refusal is None)


def bounded(act: Callable[[], _Result]) -> _Result:
    """Act in a thread, so that what never ends is a failure and does not hold the tests."""
    ended: queue.Queue[tuple[_Result | None, BaseException | None]] = queue.Queue()

    def work() -> None:
        try:
            ended.put((act(), None))
        except BaseException as error:  # noqa: BLE001 - raised again below
            ended.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    result, error = ended.get(timeout=_END_SECONDS)
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
