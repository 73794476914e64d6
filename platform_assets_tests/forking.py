"""What a process does once before it forks many children that run the pipeline.

It starts no thread: forking is safe only without. Polars makes its threads at first use, which is in
the children; ``POLARS_MAX_THREADS`` is set by whoever starts the process.
"""

from __future__ import annotations

import gc

from platform_assets.flow.secret_scan import forms_in
from platform_assets.reports import run_report


def prepare_to_fork() -> None:
    """Do once what every child would do: compile the report's templates, import the detectors."""
    templates = run_report._environment()
    for name in templates.list_templates():
        if name.endswith(".j2"):
            templates.get_template(name)
    forms_in(b"nothing to find")
    gc.collect()
    gc.freeze()  # so that children do not copy the parent's memory by collecting in it
