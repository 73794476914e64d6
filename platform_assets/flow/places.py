"""What a path of the store says about the record that stands there.

The pipeline builds paths; here they are read back, because whoever verifies a run is given paths and
bytes and believes neither: a record has to be of the kind, run, name and number that its path says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from platform_assets.identifiers import NAME_PATTERN, RUN_ID_PATTERN

_RUN = rf"(?P<run_id>{RUN_ID_PATTERN})"
_NAME = rf"(?P<name>{NAME_PATTERN})"
_NUMBER = r"(?P<number>[0-9]{4})"
_PLACES = {
    "anchors": rf"feeds/{_NAME}/(?P<number>[0-9]{{8}})\.json",
    "settlement": rf"settlements/(?P<name>{NAME_PATTERN}/{NAME_PATTERN})/(?P<number>[0-9]{{8}})\.json",
    "configuration": r"configs/(?P<hex>[0-9a-f]{64})\.json",
    "staging_key": rf"runs/{_RUN}/staging_key\.json",
    "landing": rf"runs/{_RUN}/landing/{_NAME}\.json",
    "admission": rf"runs/{_RUN}/admission/{_NAME}\.json",
    "generation": rf"runs/{_RUN}/products/{_NAME}/{_NUMBER}/claim\.json",
    "manifest": rf"runs/{_RUN}/products/{_NAME}/{_NUMBER}/manifest\.json",
    "certificate": rf"runs/{_RUN}/certificates/{_NAME}/{_NUMBER}/(?P<issue>[0-9]{{4}})\.json",
    "consumption": rf"runs/{_RUN}/consumers/{_NAME}/{_NUMBER}\.json",
    "claim": rf"runs/{_RUN}/closure/{_NUMBER}\.claim",
    "seal": rf"runs/{_RUN}/closure/{_NUMBER}\.seal",
    "bundle": rf"runs/{_RUN}/evidence/{_NUMBER}/bundle\.json",
    "revocation": rf"revocations/{_RUN}/{_NAME}/{_NUMBER}/(?P<issue>[0-9]{{4}})\.json",
    "baseline": rf"baselines/(?P<name>{NAME_PATTERN}/{NAME_PATTERN})/{_NUMBER}\.json",
    "supersession": rf"supersessions/{_RUN}/{_NUMBER}\.json",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _PLACES.items()}

#: Kinds whose files are signed (see `envelope`), with the field that their path numbers. A seal may
#: also be a plain VOID record.
SIGNED = {
    "certificate": "generation",
    "bundle": "epoch",
    "revocation": "generation",
    "supersession": "number",
    "baseline": "number",
    "seal": "epoch",
}

#: The field of each kind of record that its path names.
NAME_FIELDS = {
    "baseline": "log",
    "anchors": "feed",
    "settlement": "log",
    "landing": "stream",
    "admission": "stream",
    "generation": "product",
    "manifest": "product",
    "consumption": "consumer",
}
NUMBER_FIELDS = {
    "anchors": "sequence",
    "settlement": "number",
    "generation": "generation",
    "manifest": "generation",
    "consumption": "generation",
    "claim": "epoch",
    "seal": "epoch",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Kind, run, name (feed, stream, product, consumer) and number (sequence, generation, epoch).

    A settlement's name is that of its log, feed and stream with a slash between them; a baseline's is
    that of feed and product likewise.

    ``issue`` numbers the certificates of one generation, and their revocations likewise.
    """

    kind: str
    run_id: str = ""
    name: str = ""
    number: int = 0
    issue: int = 0


def place_of(path: str) -> Place | None:
    """Return what the path says, None where no record has its place."""
    for kind, pattern in _PATTERNS.items():
        match = pattern.fullmatch(path)
        if match is not None:
            given = match.groupdict()
            return Place(
                kind,
                given.get("run_id", ""),
                given.get("name", given.get("hex", "")),
                int(given.get("number", 0)),
                int(given.get("issue", 0)),
            )
    return None
