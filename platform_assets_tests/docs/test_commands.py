"""What the documents say of the command line is what the command line has, and the other way round."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
import yaml

from platform_assets.cli.main import app
from platform_assets.declarations import FeedDeclaration
from platform_assets.lanes.reporting import lane_commands
from platform_assets_tests.docs.written_commands import (
    DOCUMENTS,
    README,
    REPOSITORY,
    Written,
    section,
    written_in,
)

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = typer.main.get_command(app)


def commands_of(group: Any, before: str = "") -> dict[str, Any]:
    """Return every command by the words that call it, those of groups too."""
    found = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= commands_of(command, f"{before}{name} ")
        else:
            found[f"{before}{name}"] = command
    return found


COMMANDS = commands_of(PROGRAM)
GROUPS = {name.partition(" ")[0] for name in COMMANDS if " " in name}
WRITTEN = [call for document in DOCUMENTS for call in written_in(document)]
OF_THE_PROGRAM = {"--install-completion", "--show-completion", "--help"}


def options_of(name: str | None) -> dict[str, int]:
    """Return every option of a command, or of the program, with how many values it takes."""
    command = COMMANDS[name] if name else PROGRAM
    options = {
        option: 0 if getattr(parameter, "is_flag", False) else parameter.nargs
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("-")
    }
    return {**options, "--help": 0}


def calls_in(words: tuple[str, ...]) -> set[str]:
    """Return the commands that words name, one or two at a time."""
    return {*words, *map(" ".join, pairwise(words))} & set(COMMANDS)


def mistakes_in(call: Written) -> list[str]:
    """Return what a written call names that there is not."""
    name: str | None = None
    places = 0
    wrong = []
    words = iter(call.words)
    for word in words:
        option, _, value = word.partition("=")
        if option.startswith("--") or re.fullmatch(r"-[a-z]", option):
            known = options_of(name)
            if option not in known:
                wrong.append(f"{name or 'the program'} has no option {option}")
            for _ in range(known.get(option, 0) - bool(value)):
                next(words, None)
        elif name is None:
            name = f"{word} {next(words, '')}" if word in GROUPS else word
            if name not in COMMANDS:
                return [f"there is no command {name}"]
        else:
            places += 1
    arguments = (
        [p for p in COMMANDS[name].params if p.param_type_name == "argument"] if name else []
    )
    if places > len(arguments):
        wrong.append(f"{name} takes {len(arguments)} arguments, not {places}")
    return wrong


def test_the_documents_name_commands_at_all() -> None:
    assert {call.where for call in WRITTEN} >= {"README.md", "docs/tutorial.md"}
    assert len(WRITTEN) > 20


@pytest.mark.parametrize("call", sorted(set(WRITTEN), key=str), ids=str)
def test_a_documented_call_names_a_command_and_options_that_exist(call: Written) -> None:
    assert mistakes_in(call) == []


def test_the_readme_lists_every_command_and_no_other() -> None:
    listed = written_in(README, section(README.read_text(encoding="utf-8"), "command"))
    names = {called for call in listed for called in calls_in(call.words)}
    assert names == set(COMMANDS)
    assert all(mistakes_in(call) == [] for call in listed)


def test_the_readme_names_the_options_that_every_command_has() -> None:
    commands = section(README.read_text(encoding="utf-8"), "command")
    for option in ("--home", "--json", "--help", "$PLATFORM_HOME", ".platform"):
        assert option in commands
    assert all({"--home", "--json"} <= set(options_of(name)) for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_commands_own_example_can_be_called(name: str) -> None:
    example = COMMANDS[name].epilog.removeprefix("Example: platform-assets ")
    assert f"{example} ".startswith(f"{name} ")
    assert mistakes_in(Written("its help", tuple(example.split()))) == []


def test_the_commands_that_the_report_of_a_lane_names_exist() -> None:
    words = [line.split() for line in lane_commands("lane-burst-00000001") if line[0] != "#"]
    assert words
    assert [mistakes_in(Written("a report", tuple(call[1:]))) for call in words] == [[]] * len(
        words
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_a_feed_that_the_readme_shows_is_a_valid_one() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    feeds = [value for block in blocks if "attributes" in (value := yaml.safe_load(block))]
    assert feeds
    for feed in feeds:
        FeedDeclaration.model_validate(feed["attributes"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("rerun payments-00000001", "there is no command rerun"),
        ("run payments --forever", "run has no option --forever"),
        ("run payments refunds", "takes 1 arguments, not 2"),
        ("lane sprint", "there is no command lane sprint"),
        ("lane burst --forever", "lane burst has no option --forever"),
        ("--colour run payments", "the program has no option --colour"),
    ],
)
def test_a_documented_call_that_is_wrong_is_found(words: str, says: str) -> None:
    assert any(says in mistake for mistake in mistakes_in(Written("here", tuple(words.split()))))
