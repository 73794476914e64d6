"""The newest evidence of each lane, as a table for a README."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from platform_assets.cli.lane_evidence import evidence_of
from platform_assets.cli.names import written_whole
from platform_assets.cli.session import HomeOption, JsonOption, KeyOption, Session, session, write
from platform_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from platform_assets.lanes.summary import SummarisedLane

MarkdownOption = Annotated[
    bool, typer.Option("--markdown", help="Print the table as it stands in a file.")
]
UpdateOption = Annotated[
    Path | None,
    typer.Option("--update", metavar="FILE", help="Put the table between the marks of this file."),
]


def register(app: typer.Typer) -> None:
    """Add this command."""
    example = "Example: platform-assets lane summary *.tar --update README.md"
    app.command(name="summary", epilog=example)(summary)


def summary(
    evidence: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LANE]...", help="Lane runs, or exported evidence; all of the home, if none."
        ),
    ] = None,
    *,
    markdown: MarkdownOption = False,
    update: UpdateOption = None,
    key: KeyOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Summarise the newest evidence of each lane, profile and source, which verifies.

    With --update the table takes the place of what stands between the marks of a file.
    """
    from platform_assets.lanes import summary as lanes  # noqa: PLC0415 - `--help` need not load engines

    call = session(home, as_json=json)
    with call.working("lane summary"):
        found = lanes.newest(_lanes(call, evidence or _judged(call), key))
    table = lanes.markdown(found)
    if update is not None:
        _update(update, table)
    if markdown and not call.as_json:
        write(call.answers, f"{table}\n")
        return

    def text(console: Console) -> None:
        for line in map(lanes.in_words, found):
            console.print(Text(line), soft_wrap=True)
        if not found:
            console.print(table)

    call.answer([lane.as_json() for lane in found], text)


def _lanes(call: Session, targets: Iterable[str], key: Path | None) -> Iterable[SummarisedLane]:
    from platform_assets.lanes.evidence_files import PIN_FILE  # noqa: PLC0415
    from platform_assets.lanes.pin import unverified_pin  # noqa: PLC0415
    from platform_assets.lanes.recorded import read_recorded  # noqa: PLC0415
    from platform_assets.lanes.summary import summarise  # noqa: PLC0415

    for target in targets:
        files, verified = evidence_of(call, target, key)
        facts = verified.require().facts
        # it verified: what stands in it is what was signed
        recorded = read_recorded(files, unverified_pin(files.read(PIN_FILE)))
        yield summarise(recorded, facts)


def _judged(call: Session) -> list[str]:
    """Return the lane runs of the home that came to a verdict."""
    from platform_assets.lanes.evidence_files import LANE_FILE  # noqa: PLC0415
    from platform_assets.lanes.lane_folders import lane_folders  # noqa: PLC0415

    folders = lane_folders(call.open().home)
    return [str(each.run) for each in folders if (each.evidence / LANE_FILE).is_file()]


def _update(path: Path, table: str) -> None:
    from platform_assets.lanes.summary import updated  # noqa: PLC0415

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"--update {path}",
            expected="a text file",
            found=getattr(error, "strerror", None) or str(error),
            remedy="Name a file that is there.",
        ) from error
    changed = updated(text, table, f"--update {path}")
    with written_whole(path) as staged:
        staged.write_text(changed, encoding="utf-8")
