"""The requirement that nothing durable holds a secret, and how a verifier takes it later.

The closer searches every record before anything is written, and then what it is about to write: report,
provenance and the evidence itself. Its words name the detector and its version.

A verifier that has the same detector searches again and reports what it finds. One that has another
does not judge the closer by forms that the closer could not know: it takes the signed words, and what
only its own detector finds is told beside the result, not as a finding. Known values are never in the
evidence; only the closer can search for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from platform_assets.flow.secret_scan import detector, every_spelling, forms_in, spelled_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platform_assets.flow.requirements_of_counts import Judged
    from platform_assets.flow.run_records import RunRecords

NAME = "NoSecretFound"
_STATED = re.compile(r"searched by (detect-secrets [0-9A-Za-z.+!-]{1,40}, own forms [0-9]{1,6})")


def no_secret_found(records: RunRecords) -> Judged:
    """No record holds a known secret value, or what looks like a key or a token."""
    if not records.documents:
        return ["there are no records"], ""
    by = records.searched_by or detector()
    problems = secret_problems(records.documents, records.secrets, by)
    return problems, f"{len(records.documents)} records searched by {by}"


def secret_problems(
    files: Mapping[str, bytes], known: Iterable[str] = (), by: str | None = None
) -> list[str]:
    """Return which files hold which kind of secret; forms only where they were searched by the same.

    Args:
        files: path -> bytes.
        known: values that must not occur.
        by: the detector that the files were searched by when they were written; None for now.
    """
    here = by is None or by == detector()
    spelled = every_spelling(known)
    found = []
    for path in sorted(files):
        kinds = (forms_in(files[path]) if here else set()) | spelled_in(files[path], spelled)
        found += [f"{path} holds {kind}" for kind in sorted(kinds)]
    return found


def stated_detector(requirements: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the detector that the words of the evidence name, None where they name none."""
    for requirement in requirements:
        if requirement["name"] == NAME:
            match = _STATED.search(requirement["detail"])
            return match[1] if match else None
    return None


def found_since(files: Mapping[str, bytes], by: str | None) -> list[str]:
    """Return what only the detector here finds in evidence that was searched by another."""
    return [] if by is None or by == detector() else secret_problems(files)
