"""Dagster over the pipeline: components, partitions, assets, certifiers, sensors, jobs, definitions.

Dagster decides when a step runs and shows what it did. What a step does stands in the pipeline, and
whether data may be read stands in the gate; the command line leaves the same records without Dagster.
"""

from platform_assets.orchestration.component import FeedComponent
from platform_assets.orchestration.definitions import definitions_for
from platform_assets.orchestration.execution import home_instance, run_feed_in_dagster

__all__ = ["FeedComponent", "definitions_for", "home_instance", "run_feed_in_dagster"]
