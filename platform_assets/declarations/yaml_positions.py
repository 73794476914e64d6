"""YAML with the line of every value, so that a mistake can be shown where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.errors import DeclarationInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class PositionedYaml:
    """One YAML document: its value, and the line on which each part of it stands."""

    def __init__(self, path: Path, text: str) -> None:
        """Parse the document.

        Raises:
            DeclarationInvalid: it is not one YAML mapping, or a key stands twice in a mapping.
        """
        self.path = path
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            self.value: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark is not None else 1
            raise DeclarationInvalid(
                f"{path}:{line}",
                expected="one YAML document",
                found=str(getattr(error, "problem", None) or error),
                remedy="Correct the YAML at that line.",
            ) from error
        if not isinstance(self.value, dict):
            raise DeclarationInvalid(
                f"{path}:1",
                expected="a mapping with `type` and `attributes`",
                found=type(self.value).__name__,
                remedy="Begin from an example: platform-assets init DIR.",
            )
        self._refuse_repeated_keys(self._root)

    def where(self, location: Sequence[str | int]) -> str:
        """Return ``file:line`` of a location, or of the nearest part above it that exists."""
        node, line = self._root, 1
        for step in location:
            found = self._child(node, step)
            if found is None:
                # pydantic puts names of union members into locations; they stand in no file
                continue
            key, node = found
            line = (key or node).start_mark.line + 1
        return f"{self.path}:{line}"

    @staticmethod
    def _child(node: Any, step: str | int) -> tuple[Any, Any] | None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    return key, value
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return None, node.value[step]
        return None

    def _refuse_repeated_keys(self, node: Any) -> None:
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._refuse_repeated_keys(item)
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.value in seen:
                    raise DeclarationInvalid(
                        f"{self.path}:{line}",
                        expected="each key once in a mapping",
                        found=f"{key.value!r} again; it stands on line {seen[key.value]} already",
                        remedy="Remove or rename one of the two; YAML keeps only the last.",
                    )
                seen[key.value] = line
                self._refuse_repeated_keys(value)
