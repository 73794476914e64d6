"""The steps of a run: read a port, decide in the flow, write a port.

The command line and Dagster both call these functions and leave identical records.
"""

from platform_assets.pipeline.announce import announce
from platform_assets.pipeline.compact import compact
from platform_assets.pipeline.day_reading import CertifiedDay, open_day, open_days
from platform_assets.pipeline.engines import engines_kept
from platform_assets.pipeline.events_digest import events_digest
from platform_assets.pipeline.inspect import (
    product_state,
    run_details,
    run_summaries,
    run_summary,
)
from platform_assets.pipeline.pin import pin
from platform_assets.pipeline.pinned_runs import runs
from platform_assets.pipeline.platform import Platform
from platform_assets.pipeline.produce import produce
from platform_assets.pipeline.publish import publish
from platform_assets.pipeline.reading import CertifiedProduct, open_latest, open_product
from platform_assets.pipeline.ready import ClosedRun, wait_ready
from platform_assets.pipeline.ready_cursor import ReadyCursor
from platform_assets.pipeline.revoke import revoke
from platform_assets.pipeline.run import caught_up, finish, next_run, open_run
from platform_assets.pipeline.state import is_closed
from platform_assets.pipeline.steps import (
    StepUse,
    admit,
    build,
    certify,
    close,
    consume,
    land,
    noted,
)
from platform_assets.pipeline.stored_bundle import export_run, verify_run
from platform_assets.pipeline.supersede import supersede
from platform_assets.pipeline.verify import verify_bundle

__all__ = [
    "CertifiedDay",
    "CertifiedProduct",
    "ClosedRun",
    "Platform",
    "ReadyCursor",
    "StepUse",
    "admit",
    "announce",
    "build",
    "caught_up",
    "certify",
    "close",
    "compact",
    "consume",
    "engines_kept",
    "events_digest",
    "export_run",
    "finish",
    "is_closed",
    "land",
    "next_run",
    "noted",
    "open_day",
    "open_days",
    "open_latest",
    "open_product",
    "open_run",
    "pin",
    "produce",
    "product_state",
    "publish",
    "revoke",
    "run_details",
    "run_summaries",
    "run_summary",
    "runs",
    "supersede",
    "verify_bundle",
    "verify_run",
    "wait_ready",
]
