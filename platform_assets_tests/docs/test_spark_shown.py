"""What the document on Spark shows can be declared, and its entry point exists."""

from __future__ import annotations

import ast
import importlib.util
import re

import pytest
import yaml

from platform_assets.declarations.feed import ProductDeclaration, StreamDeclaration
from platform_assets.settings import Settings
from platform_assets_tests.docs.written_commands import REPOSITORY

TEXT = (REPOSITORY / "docs" / "spark.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("yml"))
def test_shown_settings_are_settings(text: str) -> None:
    assert Settings.model_validate(yaml.safe_load(text)).spark != Settings().spark


def test_the_shown_lines_choose_the_engines() -> None:
    (shown,) = blocks("yaml")
    (stream,) = yaml.safe_load(shown)["streams"].values()
    assert StreamDeclaration.model_validate(stream).engine == "spark"
    (product,) = yaml.safe_load(shown)["products"].values()
    declared = ProductDeclaration.model_validate({**product, "checks": [{"check": "schema"}]})
    assert declared.engine == "spark"


def test_the_shown_entry_point_calls_what_there_is() -> None:
    (shown,) = blocks("python")
    imported, called = ast.parse(shown).body
    assert isinstance(imported, ast.ImportFrom)
    assert imported.module is not None
    found = importlib.util.find_spec(imported.module)
    assert found is not None
    assert found.origin is not None
    with open(found.origin, encoding="utf-8") as file:  # noqa: PTH123 - not imported: it needs Spark
        functions = {n.name for n in ast.parse(file.read()).body if isinstance(n, ast.FunctionDef)}
    assert {name.name for name in imported.names} <= functions
    assert ast.unparse(called) == "main()"
