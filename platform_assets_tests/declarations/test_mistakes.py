"""A10: a mistake in the YAML or in a schema is reported with file, line and what was probably meant."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from platform_assets.declarations.loading import load_feeds
from platform_assets.errors import ConfigurationError
from platform_assets.pipeline import Platform
from platform_assets_tests.declarations.mistaken_shop import (
    DEFS_FILE,
    ORDER_FILE,
    Mistake,
    line_of,
    said_about,
    shop_with,
)
from platform_assets_tests.declarations.mistakes_of_form import OF_FORM
from platform_assets_tests.declarations.mistakes_of_reference import OF_REFERENCE
from platform_assets_tests.declarations.mistakes_of_sources import OF_SOURCES, WRITTEN_OUT
from platform_assets_tests.shop import make_shop

if TYPE_CHECKING:
    from pathlib import Path

IN_THE_SCHEMA = [
    Mistake("no_such_type", '"type": "integer"', '"type": "intger"', "intger", "intger"),
    Mistake("no_such_keyword", '"pattern"', '"patern"', "patern", "ignore"),
    Mistake("bad_pattern", "^o-[0-9]+$", "^o-[0-9+$", "^o-[0-9+$", "regex"),
    Mistake(
        "unresolved_ref", '"type": "integer"', '"$ref": "money.json"', "money.json", "money.json"
    ),
    Mistake("no_such_format", "date-time", "date-tiem", "date-tiem", "date-tiem"),
    Mistake("another_dialect", "2020-12", "2019-09", "2019-09", "dialect"),
    Mistake("not_json", '"type": "object",', '"type": "object"', '"properties"', "JSON"),
]


@pytest.mark.parametrize("mistake", [*OF_FORM, *OF_REFERENCE, *OF_SOURCES], ids=lambda m: m.name)
def test_a10_a_mistake_in_the_yaml_is_shown_where_it_stands(
    tmp_path: Path, mistake: Mistake
) -> None:
    path = shop_with(tmp_path / "home", DEFS_FILE, mistake.before, mistake.after)
    error, findings = said_about(tmp_path / "home")
    named = [finding for finding in findings if mistake.says in finding]
    assert named, findings
    assert named[0].startswith(f"{line_of(path, mistake.at)}: "), named
    assert error.thing.startswith(str(path))
    assert WRITTEN_OUT not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("mistake", IN_THE_SCHEMA, ids=lambda m: m.name)
def test_a10_a_mistake_in_a_schema_is_shown_where_it_stands(
    tmp_path: Path, mistake: Mistake
) -> None:
    path = shop_with(tmp_path / "home", ORDER_FILE, mistake.before, mistake.after)
    error, findings = said_about(tmp_path / "home")
    assert error.code == "ContractInvalid"
    assert any(mistake.says in f"{finding} {error.expected}" for finding in findings), findings
    assert line_of(path, mistake.at) in f"{error.thing} {findings}"


def test_a10_all_mistakes_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    first = shop_with(tmp_path / "home", DEFS_FILE, "max_records: 1000", "max_record: 1000")
    text = first.read_text()
    first.write_text(text.replace("check: sorted", "check: sortd").replace("[order_id]", "[]"))
    second = tmp_path / "home" / "defs" / "zoo" / "defs.yaml"
    second.parent.mkdir()
    second.write_text(text.replace("feed: shop", "feed: Zoo"))
    _, findings = said_about(tmp_path / "home")
    for said in ("max_record is no known key", "sortd", "columns is empty"):
        assert [f.startswith(str(first)) for f in findings if said in f][:1] == [True], findings
    assert any(finding.startswith(f"{second}:4: feed should be") for finding in findings)


def test_a10_mistakes_in_a_contract_and_in_the_yaml_are_reported_together(tmp_path: Path) -> None:
    path = shop_with(tmp_path / "home", ORDER_FILE, "integer", "intger")
    yaml = tmp_path / "home" / DEFS_FILE
    yaml.write_text(yaml.read_text().replace("key: [customer]", "key: [client]"))
    _, findings = said_about(tmp_path / "home")
    assert any(finding.startswith(line_of(path, "intger")) for finding in findings)
    assert any(finding.startswith(line_of(yaml, "key: [client]")) for finding in findings)


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"", 1, "an empty file"),
        (b"# only a comment\n", 1, "an empty file"),
        (b"type: a\nname: caf\xe9\n", 2, "0xe9"),
        (b"- type\n- attributes\n", 1, "a list"),
        (b"type: a\nattributes: \x07\n", 2, "special characters"),
        (b"a: &a [*a]\ntype: b\ntype: c\n", 3, "'type' again"),
        (b"type: a\nattributes: " + b"[" * 5000, 1, "nesting"),
    ],
    ids=["empty", "comment", "latin-1", "list", "bell", "loop", "depth"],
)
def test_a10_a_file_that_holds_no_declaration_is_reported(
    tmp_path: Path, data: bytes, line: int, says: str
) -> None:
    path = make_shop(tmp_path / "home", orders=2) / DEFS_FILE
    path.write_bytes(data)
    _, findings = said_about(tmp_path / "home")
    assert findings[0].startswith(f"{path}:{line}: ")
    assert says in findings[0]


def test_a10_a_feed_declared_twice_names_both_places(tmp_path: Path) -> None:
    path = make_shop(tmp_path / "home", orders=2) / DEFS_FILE
    copy = path.parent.with_name("shop_again") / path.name
    copy.parent.mkdir()
    copy.write_text(path.read_text())
    _, findings = said_about(tmp_path / "home")
    assert line_of(path, "feed: shop") in findings[0]
    assert line_of(copy, "feed: shop") in findings[0]


def test_a10_a_declaration_that_nobody_would_read_is_a_mistake(tmp_path: Path) -> None:
    path = make_shop(tmp_path / "home", orders=2) / DEFS_FILE
    path.rename(path.with_name("defs.yml"))
    error, _ = said_about(tmp_path / "home")
    assert "defs.yaml" in error.remedy


def test_a_component_of_another_type_is_not_ours_to_judge(tmp_path: Path) -> None:
    path = tmp_path / "other" / "defs.yaml"
    path.parent.mkdir()
    path.write_text("type: dagster.DefsFolderComponent\nattributes: {anything: goes}\n")
    assert load_feeds(tmp_path) == {}


def test_a10_a_function_is_looked_for_without_running_the_users_code(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    (home / "shop_functions.py").write_text("raise SystemExit\n\ndef turnover(a, b): ...\n")
    assert "shop" in Platform.open(home).feeds
    (home / "shop_functions.py").write_text("def turnover(:\n")
    _, findings = said_about(home)
    assert f"{home}/shop_functions.py:1" in findings[0]


@pytest.mark.parametrize(
    ("settings", "line", "says"),
    [
        ("stoer: x\n", 1, "did you mean store?"),
        ("store: s\nkeys: {singing: k}\n", 2, "did you mean signing?"),
        ("claim_ttl_seconds: soon\n", 1, "found 'soon'"),
        ("store: [\n", 2, "expected"),
        ("just text\n", 1, "a str"),
        ("store: s\nmemory_budget: true\n", 2, "such as 2GiB: True"),
        ("memory_budget: lots\n", 1, "such as 2GiB: 'lots'"),
        ("memory_budget: -1\n", 1, "such as 2GiB: -1"),
        ("memory_budget:\n", 1, "such as 2GiB: None"),
        ("memory_budget: 200MiB\n", 1, "greater than or equal to 1073741824"),
        ("spill_limit: 10 potatoes\n", 1, "such as 2GiB: '10 potatoes'"),
        ("spill_limit: 0\n", 1, "greater than 0"),
        ("spill_dir: ''\n", 1, "at least 1 character"),
        ("spil_dir: x\n", 1, "did you mean spill_dir?"),
        ("cores: 0\n", 1, "greater than 0"),
        ("cores: two\n", 1, "a valid integer"),
    ],
)
def test_a_mistake_in_the_settings_is_shown_where_it_stands(
    tmp_path: Path, settings: str, line: int, says: str
) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    (home / "platform.yaml").write_text(settings)
    error, findings = said_about(home)
    assert error.code == "SettingsInvalid"
    assert error.thing == f"{home}/platform.yaml:{line}"
    assert says in findings[0]


def test_settings_of_comments_alone_mean_the_defaults(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=2)
    (home / "platform.yaml").write_text("# nothing yet\n")
    assert Platform.open(home).settings.store == "store"


def test_every_error_of_configuration_exits_as_one() -> None:
    assert ConfigurationError.exit_code == 2
