"""Spark as the settings declare it: where jobs run and what they may take.

A job runs in a process that is started here, on this machine or as the driver of a cluster, or on EMR
Serverless. Both at once is a mistake, and so is a property that decides what the rows mean: those are
the job's own.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from platform_assets.declarations.model import Declaration
from platform_assets.declarations.rules import (
    EMR_APPLICATION,
    ENDPOINT,
    REGION,
    ROLE_ARN,
    S3_ARCHIVE,
    S3_FOLDER,
    S3_SCRIPT,
    SPARK_MASTER,
    SPARK_MEMORY,
)

_OWN = ("spark.master", "spark.driver.memory", "spark.executor.memory", "spark.sql.")

Memory = Annotated[
    str, Field(pattern=SPARK_MEMORY, description="As Spark writes it, for example 2g.")
]


class EmrServerlessSettings(Declaration):
    """An EMR Serverless application that runs the jobs; credentials come from AWS's usual chain."""

    application_id: Annotated[str, Field(pattern=EMR_APPLICATION)]
    execution_role: Annotated[str, Field(pattern=ROLE_ARN, description="Its ARN.")]
    entry_point: Annotated[
        str, Field(pattern=S3_SCRIPT, description="The script that runs the job module.")
    ]
    staging: Annotated[str, Field(pattern=S3_FOLDER, description="Where files are handed over.")]
    environment: Annotated[
        str | None,
        Field(pattern=S3_ARCHIVE, description="Archive of the Python environment."),
    ] = None
    region: Annotated[str | None, Field(pattern=REGION)] = None
    endpoint: Annotated[
        str | None, Field(pattern=ENDPOINT, description="Another address than AWS's own.")
    ] = None
    timeout_minutes: Annotated[int, Field(gt=0, strict=True)] = 720
    poll_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10


class SparkSettings(Declaration):
    """Where Spark jobs run, and what they may take."""

    master: Annotated[
        str | None,
        Field(pattern=SPARK_MASTER, description="local[*] if absent; not with emr_serverless."),
    ] = None
    driver_memory: Memory = "1g"
    executor_memory: Memory = "1g"
    partitions: Annotated[
        int | None,
        Field(gt=0, strict=True, description="Ranges that rows are sorted in; as fits if absent."),
    ] = None
    properties: Annotated[
        dict[str, str], Field(description="Other Spark properties, for example spark.speculation.")
    ] = Field(default_factory=dict)
    emr_serverless: EmrServerlessSettings | None = None

    @field_validator("properties")
    @classmethod
    def _decide_no_meaning(cls, given: dict[str, str]) -> dict[str, str]:
        for name in given:
            if not name.startswith("spark."):
                raise ValueError(f"{name} is no Spark property; they begin with spark.")
            if name.startswith(_OWN):
                raise ValueError(
                    f"{name} is set by the platform; see master, driver_memory, executor_memory"
                )
        return given

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.master is not None and self.emr_serverless is not None:
            raise ValueError("has both master and emr_serverless; jobs run in one place")
        return self
