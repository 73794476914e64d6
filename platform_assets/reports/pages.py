"""How the pages of reports are made: templates in which every value is escaped.

Markup is only what a template says. What a value holds stays text: it is escaped, and characters that
could reorder or hide text are written out. A name that is not given is an error, never an empty place.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from platform_assets.reports import wording

if TYPE_CHECKING:
    import jinja2

_TEMPLATES = Path(__file__).parent / "templates"


def _finalized(value: object) -> object:
    if isinstance(value, Markup):
        return value  # made by a macro of ours, and escaped there
    return wording.visible(str(value))


@functools.cache
def environment() -> jinja2.Environment:
    """Return what the templates of all pages are rendered with."""
    import jinja2  # noqa: PLC0415 - takes longer than a command that writes no report

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        count=wording.count,
        position=wording.position,
        size=wording.size,
        short=wording.short,
        shortened=wording.shortened,
        moment=wording.moment,
    )
    made.globals.update(
        share=wording.share,
        since=wording.since,
        plural=wording.plural,
        fraction_between=wording.fraction_between,
    )
    return made
