"""The flow is imported without Dagster, without client libraries, without engines."""

from __future__ import annotations

import json
import subprocess
import sys

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import platform_assets.flow as flow
for module in pkgutil.iter_modules(flow.__path__, "platform_assets.flow."):
    importlib.import_module(module.name)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
FORBIDDEN = {"dagster", "boto3", "botocore", "kafka", "duckdb", "polars", "pyarrow", "numpy"}


def test_importing_every_module_of_the_flow_loads_no_engine_and_no_client() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], capture_output=True, check=True, text=True
    )
    loaded = set(json.loads(done.stdout))
    assert "platform_assets" in loaded
    assert loaded & FORBIDDEN == set()
