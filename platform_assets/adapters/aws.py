"""Sessions with AWS, apart from whatever else uses the library in this process.

The library reads the descriptions of services, megabytes of JSON, for each session anew. Sessions made
here share what was read; credentials, region and settings are each one's own. Credentials that stand in
a file are read again when the file is another.
"""

from __future__ import annotations

import os
from functools import cache

import boto3
import botocore.session
from botocore.loaders import Loader, create_loader

from platform_assets.adapters.aws_credentials import read_again


def aws_session(profile: str | None = None, region: str | None = None) -> boto3.Session:
    """Return a new session.

    Raises:
        BotoCoreError: there is no such profile.
    """
    core = botocore.session.Session(profile=profile)
    core.register_component("data_loader", _descriptions(os.environ.get("AWS_DATA_PATH")))
    read_again(core)
    return boto3.Session(botocore_session=core, region_name=region)


@cache
def _descriptions(path: str | None) -> Loader:
    return create_loader(path)
