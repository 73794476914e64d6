"""How long a tick waits for what it looks at, and a step for the runs beside which its own goes.

Dagster gives up on a tick after a minute, with advice that does not fit an outage. A source may be
declared with more patience than that, and a feed may have several. So a tick gives up before Dagster
does, with an error of ours. The look that it gave up on ends by its own bounds; should it still pin a
window, the next tick finds it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from dagster._grpc.utils import default_sensor_grpc_timeout

from platform_assets.errors import SourceUnreachable
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform
from platform_assets.pipeline.waiting import Waits, at_once, patient

#: The part of Dagster's patience that a tick uses.
SHARE = 0.75

#: How long a step of a run that goes side by side with others waits for them.
STEP_SECONDS = 600.0

T = TypeVar("T")


def patience() -> float:
    """Return how many seconds a tick waits."""
    return SHARE * default_sensor_grpc_timeout()


def waits(platform: Platform, run: RunId) -> Waits:
    """Return how a step of a run waits for other runs: not at all where runs go in order."""
    declared = platform.run_configuration(run).declaration
    return patient(platform, STEP_SECONDS) if declared.side_by_side else at_once


def within_the_tick(thing: str, act: Callable[[], T]) -> T:
    """Return what the act returns.

    Raises:
        SourceUnreachable: it did not come to its end in time.
    """
    answer: Future[T] = Future()

    def acting() -> None:
        try:
            answer.set_result(act())
        except BaseException as error:  # noqa: BLE001 - the tick raises it
            answer.set_exception(error)

    threading.Thread(target=acting, name=f"tick: {thing}", daemon=True).start()
    try:
        return answer.result(patience())
    except TimeoutError:
        if answer.done():
            raise
        raise SourceUnreachable(
            thing,
            expected=f"an answer within {patience():g} s, as long as a tick may take",
            found="none yet",
            remedy="Look whether the source and the store answer. Where looks take longer, give ticks "
            "more time with DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS.",
        ) from None
