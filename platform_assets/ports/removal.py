"""Deleting parts, which a store itself cannot do.

A store creates and reads. Only a teardown is given one of these, and it deletes nothing but parts: the
Parquet files of a run's landing, admission and products. Evidence, records, certificates, manifests,
seals and logs have other paths, and those are refused here, whoever asks.
"""

from __future__ import annotations

import re
from typing import Protocol

from platform_assets.errors import InvalidName
from platform_assets.identifiers import NAME_PATTERN, RUN_ID_PATTERN

_FILE = r"[A-Za-z0-9_][A-Za-z0-9_.=+@-]{0,180}\.parquet(\.[a-z]{1,12})?"
_PART = re.compile(
    rf"runs/(?P<run_id>{RUN_ID_PATTERN})/(?:"
    rf"(?P<step>landing|admission)/{NAME_PATTERN}(?:/[a-z0-9_]{{1,63}})?/{_FILE}"
    rf"|(?P<product>products)/{NAME_PATTERN}/[0-9]{{4}}/{_FILE})"
)

#: What can be deleted, in the order in which it came to be.
KINDS = ("landing", "admission", "products")


class Removal(Protocol):
    """Deletes parts of one store, for ever."""

    def remove(self, path: str) -> None:
        """Delete one part, so that it stays deleted after a power loss; its absence is success.

        Raises:
            InvalidName: the path is not that of a part.
            RemovalDenied: the store does not let it be deleted, for example under an object lock.
            UnknownOutcome, DependencyUnreachable: delete it again.
        """
        ...


def kind_of_part(path: str) -> tuple[str, str] | None:
    """Return run id and kind (landing, admission, products) of a part; None for any other path."""
    match = _PART.fullmatch(path)
    if match is None:
        return None
    return match["run_id"], match["step"] or match["product"]


def require_part(path: str) -> str:
    """Return the path if it is that of a part.

    Raises:
        InvalidName: it is not; nothing else is ever deleted.
    """
    if kind_of_part(path) is None:
        raise InvalidName(
            f"removal of {path!r}",
            expected="a part of a run's landing, admission or products",
            found="another path; evidence and records are never deleted",
            remedy="Delete nothing in a store by hand: platform-assets teardown RUN --proof",
        )
    return path
