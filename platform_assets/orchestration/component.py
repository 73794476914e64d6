"""A feed as a Dagster component: ``defs/<feed>/defs.yaml`` of a platform home.

The attributes are the feed's declaration, the same that the command line reads. ``dg check defs`` first
holds the file against the JSON Schema of the declaration, then loads it; both name file and line.
"""

from pathlib import Path
from typing import Any, Self

import dagster as dg
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from platform_assets.declarations import FeedDeclaration
from platform_assets.declarations.loading import load_feeds
from platform_assets.orchestration.assets import feed_assets, lag_asset
from platform_assets.orchestration.certifiers import feed_certifiers
from platform_assets.orchestration.closure import catalogue_asset, evidence_asset
from platform_assets.orchestration.compaction import compaction_definitions
from platform_assets.orchestration.jobs import feed_jobs
from platform_assets.orchestration.names import names_of
from platform_assets.orchestration.replay import replay_job
from platform_assets.orchestration.sensors import (
    announce_sensor,
    catch_up_schedule,
    offsets_sensor,
    ready_to_close_sensor,
)
from platform_assets.orchestration.teardown import teardown_jobs


class _OneMistakeAtATime(GenerateJsonSchema):
    """Writes a tagged union as "if the tag is this, then that", instead of "one of these".

    What may be left out is likewise "if it is there, then this". A validator then reports the key that
    is wrong. Of "one of these" it can only say that nothing fits.
    """

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return {"if": {"not": {"type": "null"}}, "then": self.generate_inner(schema["schema"])}

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        tag = str(schema["discriminator"])
        choices = {
            str(key): self.generate_inner(choice) for key, choice in schema["choices"].items()
        }
        return {
            "type": "object",
            "required": [tag],
            "properties": {tag: {"enum": sorted(choices)}},
            "allOf": [
                {"if": {"properties": {tag: {"const": key}}}, "then": choice}
                for key, choice in choices.items()
            ],
        }


class FeedAttributes(FeedDeclaration):
    """The declaration, with a JSON Schema that tells where a mistake is."""

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the JSON Schema that ``dg`` holds a ``defs.yaml`` against."""
        return super().model_json_schema(
            *args, **{"schema_generator": _OneMistakeAtATime, **options}
        )


class FeedComponent(dg.Component):
    """A feed: streams, certified products, consumers, closed runs."""

    def __init__(self, declaration: FeedDeclaration) -> None:
        self.declaration = declaration

    @classmethod
    def get_model_cls(cls) -> type[FeedAttributes]:
        """Return the model of the attributes in the YAML."""
        return FeedAttributes

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> Self:  # noqa: ARG003 - Dagster's signature
        """Take over the attributes as they were validated."""
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return everything that the feed is in Dagster."""
        return feed_definitions(self.declaration, context.path.parent)


def feed_definitions(feed: FeedDeclaration, folder: Path) -> dg.Definitions:
    """Return the definitions of a feed that stands in a folder of feeds, without resources."""
    names = names_of(feed, tuple(other for other, _ in load_feeds(folder).values()))
    of_runs = dg.Definitions(
        assets=[
            *feed_assets(names, feed),
            evidence_asset(names, feed),
            catalogue_asset(names),
            lag_asset(names),
        ],
        asset_checks=feed_certifiers(names, feed),
        jobs=[*feed_jobs(names, feed), replay_job(names), *teardown_jobs(names, feed)],
        sensors=[
            offsets_sensor(names, feed),
            ready_to_close_sensor(names),
            *([announce_sensor(names, feed)] if feed.announce else []),
        ],
        schedules=[catch_up_schedule(names)],
    )
    return dg.Definitions.merge(of_runs, compaction_definitions(names, feed))
