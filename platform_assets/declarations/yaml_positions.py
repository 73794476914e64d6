"""YAML with the line of every value, so that a mistake can be shown where it stands.

One file holds one document, a mapping, in UTF-8. A key stands once in its mapping, because YAML would
silently keep the last. Dates and moments are text here, as they are for Dagster's reader: what they
mean is said where they are expected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.errors import DeclarationInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    Step = str | int


class _Loader(yaml.SafeLoader):
    """YAML without its own notion of dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and the kind are the library's
        first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:timestamp"]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class PositionedYaml:
    """One YAML document: its value, and the line on which each part of it stands."""

    def __init__(self, path: Path, text: str, *, may_be_empty: bool = False) -> None:
        """Parse the document; an empty one is an empty mapping where it may be empty.

        Raises:
            DeclarationInvalid: it is not one YAML mapping, or keys stand twice in a mapping.
        """
        self.path = path
        try:
            self._root = yaml.compose(text, Loader=_Loader)
            self.value: Any = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
        except (yaml.YAMLError, ValueError) as error:
            raise self._unreadable(error, text) from error
        except RecursionError as error:
            raise self._error(
                1, "a declaration", "nesting without end", "Write it flat."
            ) from error
        if self.value is None and may_be_empty:
            self.value = {}
        if not isinstance(self.value, dict):
            kind = type(self.value).__name__
            found = "an empty file" if self.value is None else f"a {kind}"
            raise self._error(
                1,
                "a mapping, as `key: value`",
                found,
                "Begin from an example: platform-assets init DIR.",
            )
        repeated = list(_repeated_keys(self._root, set()))
        if repeated:
            first, *_ = repeated
            raise DeclarationInvalid(
                f"{path}:{first[1]}",
                expected="each key once in a mapping",
                found=[
                    f"{path}:{line}: {key!r} again; it stands on line {before} already"
                    for key, line, before in repeated
                ],
                remedy="Remove or rename one of the two; YAML keeps only the last.",
            )

    @classmethod
    def read(cls, path: Path, *, may_be_empty: bool = False) -> PositionedYaml:
        """Read a file.

        Raises:
            DeclarationInvalid: it cannot be read, is not UTF-8, or not one YAML mapping.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DeclarationInvalid(
                str(path),
                expected="a file that can be read",
                found=error.strerror or str(error),
                remedy="Make it a regular file that this user may read.",
            ) from error
        try:
            return cls(path, data.decode("utf-8-sig"), may_be_empty=may_be_empty)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise DeclarationInvalid(
                f"{path}:{line}",
                expected="UTF-8",
                found=f"byte 0x{data[error.start]:02x} at position {error.start}",
                remedy="Save the file as UTF-8.",
            ) from error

    def where(self, location: Sequence[Step]) -> str:
        """Return ``file:line`` of a location, or of the nearest part above it that exists."""
        return f"{self.path}:{self.trace(location)[0]}"

    def trace(self, location: Sequence[Step]) -> tuple[int, list[Step]]:
        """Return the line of a location, and those of its steps that stand in the file.

        pydantic puts names of union members into locations; they are passed over.
        """
        node, line = self._root, 1
        steps: list[Step] = []
        for step in location:
            found = self._child(node, step)
            if found is not None:
                key, node = found
                line = (key or node).start_mark.line + 1
                steps.append(step)
        return line, steps

    @staticmethod
    def _child(node: Any, step: Step) -> tuple[Any, Any] | None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    return key, value
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return None, node.value[step]
        return None

    def _unreadable(self, error: Exception, text: str) -> DeclarationInvalid:
        mark = getattr(error, "problem_mark", None)
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
        if mark is not None:
            line = mark.line + 1
        found = " ".join(str(getattr(error, "problem", None) or error).split())
        remedy = "Correct the YAML at that line; values of two words or with `: ` want quotes."
        if "'\\t'" in found:
            remedy = "Indent with spaces; YAML takes no tabs."
        elif "another document" in found:
            remedy = "Keep one document a file: put the other below another folder of defs."
        return self._error(line, "one YAML document", found, remedy)

    def _error(self, line: int, expected: str, found: str, remedy: str) -> DeclarationInvalid:
        return DeclarationInvalid(
            f"{self.path}:{line}", expected=expected, found=found, remedy=remedy
        )


def _repeated_keys(node: Any, seen: set[int]) -> Iterator[tuple[str, int, int]]:
    """Yield each key that stands again in its mapping, with its line and the line of the first."""
    if id(node) in seen:  # an alias may lead back to what holds it
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item, seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if str(key.value) in lines:
                yield str(key.value), line, lines[str(key.value)]
            lines.setdefault(str(key.value), line)
            yield from _repeated_keys(value, seen)
