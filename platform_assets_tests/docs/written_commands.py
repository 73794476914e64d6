"""The commands that the documents name: in blocks, in tables and within sentences."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
DOCUMENTS = (
    README,
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "deploy").rglob("*.md")),
    *sorted((REPOSITORY / "platform_assets").rglob("*.md")),
)

_PROGRAM = re.compile(r"(?:^|[\s/(])platform-assets(?=\s+[-a-z])")
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SHELLS = ("", "sh", "console", "bash", "text")
_INLINE = re.compile(r"`([^`\n]+)`")
_END = re.compile(r"\s(?:&&|\|\||[|;>#])")


@dataclass(frozen=True)
class Written:
    """One call as a document writes it: where, and the words after the program's name."""

    where: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: platform-assets {' '.join(self.words)}"


def written_in(document: Path, text: str | None = None) -> list[Written]:
    """Return every call that a document, or a part of it, names."""
    text = document.read_text(encoding="utf-8") if text is None else text
    shells = [block for language, block in _BLOCK.findall(text) if language in _SHELLS]
    blocks = [line for block in shells for line in _lines(block)]
    # a sentence may break a line within a call
    prose = re.sub(r"\s*\n\s*", " ", _BLOCK.sub("", text))
    calls = [call for line in (*blocks, *_INLINE.findall(prose)) for call in _calls(line)]
    return [Written(str(document.relative_to(REPOSITORY)), tuple(words)) for words in calls]


def section(text: str, title: str) -> str:
    """Return the part of a document below a heading, up to the next heading of its level.

    Raises:
        LookupError: no heading has that title.
    """
    found = re.search(
        rf"^(#+) [^\n]*{title}[^\n]*\n(.*?)(?=^\1 |\Z)",
        text,
        re.MULTILINE | re.DOTALL | re.IGNORECASE,
    )
    if found is None:
        raise LookupError(f"no heading names {title!r}")
    return found[2]


def _lines(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def _calls(line: str) -> list[list[str]]:
    calls = []
    for found in _PROGRAM.finditer(line):
        rest = line[found.end() :]
        end = _END.search(rest)
        calls.append(shlex.split(rest[: end.start()] if end else rest))
    return calls
