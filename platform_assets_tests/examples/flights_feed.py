"""The flights feed of docs/tutorial.md, as a user would make it: by copying from the tutorial."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TUTORIAL = REPOSITORY / "docs" / "tutorial.md"
FLIGHTS = REPOSITORY.parent / "shared" / "data" / "flights-3m.parquet"


def tutorial_files() -> dict[str, str]:
    """Return the files that the tutorial tells to write: path in the home -> content."""
    blocks = re.findall(
        r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL
    )
    return dict(blocks)


def tutorial_commands() -> list[list[str]]:
    """Return the commands of the tutorial in their order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    return [line.split() for block in blocks for line in block.splitlines()]


def add_flights(home: Path, count: int = 20_000) -> None:
    """Put the flights feed into a home, with its file log.

    Raises:
        FileNotFoundError: the Parquet file is not at hand.
    """
    if not FLIGHTS.exists():
        raise FileNotFoundError(FLIGHTS)
    for name, content in tutorial_files().items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    script = [sys.executable, "write_flights.py", str(FLIGHTS), str(count)]
    subprocess.run(script, cwd=home, check=True)
