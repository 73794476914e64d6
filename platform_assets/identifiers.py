"""Names of feeds, streams, products, runs and runs of lanes.

Names become parts of paths and of Dagster keys, so they are checked before either is built: lower
case ASCII, digits and underscore, beginning with a letter. Nothing that could climb out of a folder
passes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from platform_assets.errors import InvalidName

NAME_PATTERN = r"[a-z][a-z0-9_]{0,62}"
RUN_ID_PATTERN = rf"{NAME_PATTERN}-[0-9]{{8}}"
DIGEST_PATTERN = r"sha256:[0-9a-f]{64}"

_NAME = re.compile(NAME_PATTERN)
_RUN_ID = re.compile(rf"({NAME_PATTERN})-([0-9]{{8}})")
_LANE_RUN_ID = re.compile(rf"lane-({NAME_PATTERN})-([0-9]{{8}})")
_MAX_SEQUENCE = 99_999_999


@dataclass(frozen=True, slots=True, order=True)
class RunId:
    """One pinned window of one feed: ``<feed>-<sequence, 8 digits>``."""

    feed: str
    sequence: int

    def __post_init__(self) -> None:
        """Refuse a feed name or a sequence that cannot stand in a path."""
        check_name(self.feed, "feed")
        if not 1 <= self.sequence <= _MAX_SEQUENCE:
            raise InvalidName(
                f"run {self.feed} sequence {self.sequence}",
                expected=f"a sequence from 1 to {_MAX_SEQUENCE}",
                found=str(self.sequence),
                remedy="List the runs of the feed: platform-assets runs " + self.feed,
            )

    def __str__(self) -> str:
        return f"{self.feed}-{self.sequence:08d}"

    @classmethod
    def parse(cls, text: str) -> RunId:
        """Read a run id.

        Raises:
            InvalidName: the text is not ``<feed>-<8 digits>``.
        """
        match = _RUN_ID.fullmatch(text)
        if match is None:
            raise InvalidName(
                f"run {text!r}",
                expected="<feed>-<sequence, 8 digits>, for example payments-00000042",
                found=repr(text),
                remedy="List the runs of a feed: platform-assets runs FEED",
            )
        return cls(match[1], int(match[2]))

    @property
    def predecessor(self) -> RunId | None:
        """The run before this one in the feed's log, if this is not the first."""
        return RunId(self.feed, self.sequence - 1) if self.sequence > 1 else None


@dataclass(frozen=True, slots=True, order=True)
class LaneRunId:
    """One execution of a lane in a home: ``lane-<lane>-<sequence, 8 digits>``.

    A feed's name holds no hyphen, so that no run of a feed has such an id.
    """

    lane: str
    sequence: int

    def __post_init__(self) -> None:
        """Refuse a lane's name or a sequence that cannot stand in a path."""
        check_name(self.lane, "lane")
        if not 1 <= self.sequence <= _MAX_SEQUENCE:
            raise InvalidName(
                f"lane {self.lane} sequence {self.sequence}",
                expected=f"a sequence from 1 to {_MAX_SEQUENCE}",
                found=str(self.sequence),
                remedy="Look into the folder `lanes` of the home.",
            )

    def __str__(self) -> str:
        return f"lane-{self.lane}-{self.sequence:08d}"

    @classmethod
    def parse(cls, text: str) -> LaneRunId:
        """Read the id of a lane run.

        Raises:
            InvalidName: the text is not ``lane-<lane>-<8 digits>``.
        """
        match = _LANE_RUN_ID.fullmatch(text)
        if match is None:
            raise InvalidName(
                f"lane run {text!r}",
                expected="lane-<lane>-<sequence, 8 digits>, for example lane-burst-00000001",
                found=repr(text),
                remedy="Look into the folder `lanes` of the home.",
            )
        return cls(match[1], int(match[2]))


def check_name(text: str, kind: str) -> str:
    """Return the name if it may stand in a path.

    Raises:
        InvalidName: it holds anything but ``[a-z0-9_]``, or is empty or too long.
    """
    if not isinstance(text, str) or _NAME.fullmatch(text) is None:
        raise InvalidName(
            f"{kind} {text!r}",
            expected="1 to 63 of a-z, 0-9 and _, beginning with a letter",
            found=repr(text),
            remedy=f"Use the name of the {kind} as declared: platform-assets feeds",
        )
    return text
