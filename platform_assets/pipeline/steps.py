"""The steps of a run as everybody calls them: each is watched while it lasts, and held to its budget.

What a step used is told to whoever asked (`noted`), and never stands in a record: the same input makes
the same records on any machine. A step inside another is watched as a part of it and by itself.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from platform_assets.adapters.watch import StepName, StepUse, noted, watched
from platform_assets.pipeline.admit import admit as _admit
from platform_assets.pipeline.build import build as _build
from platform_assets.pipeline.certify import certify as _certify
from platform_assets.pipeline.close import close as _close
from platform_assets.pipeline.consume import consume as _consume
from platform_assets.pipeline.land import land as _land

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform

__all__ = ["StepUse", "admit", "build", "certify", "close", "consume", "land", "noted"]

_Of = ParamSpec("_Of")
_Record = TypeVar("_Record")


def _watched(
    function: Callable[Concatenate[Platform, RunId, _Of], _Record],
) -> Callable[Concatenate[Platform, RunId, _Of], _Record]:
    @wraps(function)
    def step(platform: Platform, run: RunId, /, *of: _Of.args, **named: _Of.kwargs) -> _Record:
        name = StepName(str(run), function.__name__, " ".join(map(str, of)))
        with watched(name, platform.budget):
            return function(platform, run, *of, **named)

    return step


land = _watched(_land)
admit = _watched(_admit)
build = _watched(_build)
certify = _watched(_certify)
consume = _watched(_consume)
close = _watched(_close)
