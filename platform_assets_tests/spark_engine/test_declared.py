"""What is declared of Spark: one line of a product, and a section of the settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.spark.subprocess_launcher import require_spark
from platform_assets.errors import DeclarationInvalid, EngineMissing, SettingsInvalid
from platform_assets.pipeline import Platform, pin
from platform_assets_tests.shop import make_shop, redeclare

if TYPE_CHECKING:
    from pathlib import Path

DEFS = "defs/shop/defs.yaml"
EMR = """\
  emr_serverless:
    application_id: 00f1abcd
    execution_role: arn:aws:iam::123456789012:role/spark
    entry_point: s3://code/job.py
    staging: s3://staging/spark
"""


def declare(home: Path, engine: str) -> None:
    path = home / DEFS
    text = path.read_text()
    assert "part_rows: 40" in text
    path.write_text(text.replace("part_rows: 40", f"part_rows: 40\n      engine: {engine}"))


def test_an_unknown_engine_is_shown_where_it_stands(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    declare(home, "flink")
    line = (home / DEFS).read_text().splitlines().index("      engine: flink") + 1
    with pytest.raises(DeclarationInvalid, match=rf"defs\.yaml:{line}: .*engine.*'embedded'"):
        Platform.open(home)


def test_the_engine_is_no_part_of_the_configuration_of_a_run(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    before = Platform.open(home).configuration("shop")
    declare(home, "spark")
    assert Platform.open(home).configuration("shop") == before


def test_what_judges_a_stream_is_no_part_of_the_configuration_of_a_run(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    before = Platform.open(home).configuration("shop")
    run = pin(Platform.open(home), "shop")
    assert run is not None
    redeclare(home, lambda declared: declared["streams"]["orders"].update(engine="spark"))
    platform = Platform.open(home)
    assert platform.configuration("shop") == before
    streams = platform.run_configuration(run).declaration.streams
    assert {name: stream.engine for name, stream in streams.items()} == {
        "orders": "spark",
        "changes": "embedded",
    }, "a pinned run is judged by what is declared now"


def test_an_unknown_engine_of_a_stream_is_shown_where_it_stands(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    path = home / DEFS
    text, before, after = path.read_text(), "    orders:\n", "      events:\n"
    assert text.count(before + after) == 1
    path.write_text(text.replace(before + after, f"{before}      engine: flink\n{after}"))
    line = path.read_text().splitlines().index("      engine: flink") + 1
    with pytest.raises(DeclarationInvalid, match=rf"defs\.yaml:{line}: .*engine.*'embedded'"):
        Platform.open(home)


def test_a_product_that_spark_makes_is_not_sorted_by_a_struct(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    path = home / "schemas/events/shop/order.json"
    schema = json.loads(path.read_text())
    inner = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    schema["properties"]["customer"] = {**inner, "additionalProperties": False}
    path.write_text(json.dumps(schema))
    text = (home / DEFS).read_text().split("  consumers:")[0]
    (home / DEFS).write_text(text)
    Platform.open(home)
    declare(home, "spark")
    with pytest.raises(DeclarationInvalid, match=r"products\.orders\.sort.*customer is no single"):
        Platform.open(home)


@pytest.mark.parametrize(
    ("settings", "line", "says"),
    [
        ("spark: {master: here}\n", 1, "master"),
        ("spark:\n  driver_memory: 2GiB\n", 2, "driver_memory"),
        ("spark:\n  partitions: 0\n", 2, "greater than 0"),
        ("spark:\n  properties: {spark.sql.ansi.enabled: 'true'}\n", 2, "set by the platform"),
        ("spark:\n  properties: {executor.cores: '2'}\n", 2, "no Spark property"),
        (f"spark:\n  master: local[2]\n{EMR}", 1, "both master and emr_serverless"),
        (f"spark:\n{EMR.replace('s3://staging/spark', 'spark')}", 6, "staging"),
    ],
)
def test_a_mistake_in_the_settings_is_shown_where_it_stands(
    tmp_path: Path, settings: str, line: int, says: str
) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    (home / "platform.yaml").write_text(settings)
    with pytest.raises(SettingsInvalid) as refused:
        Platform.open(home)
    assert f"{home}/platform.yaml:{line}: " in refused.value.found
    assert says in refused.value.found


@pytest.mark.parametrize(
    "master", ["local", "local[*]", "local[2,4]", "local-cluster[2,1,1024]", "spark://h:7077"]
)
def test_every_form_of_master_that_the_documents_name_is_taken(tmp_path: Path, master: str) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    (home / "platform.yaml").write_text(f"spark: {{master: '{master}'}}\n")
    assert Platform.open(home).settings.spark.master == master


def test_without_java_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(EngineMissing, match="no Java; install version 17") as missing:
        require_spark()
    assert missing.value.exit_code == 2


def test_without_pyspark_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    found = "platform_assets.adapters.spark.subprocess_launcher.find_spec"
    monkeypatch.setattr(found, lambda _name: None)
    with pytest.raises(EngineMissing, match=r"pip install 'platform-assets\[spark\]'"):
        require_spark()
