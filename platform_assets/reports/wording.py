"""Numbers, sizes, moments and hostile text as a person reads them. All is pure and without locale."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_DIGEST = re.compile(r"(sha256:)?\b([0-9a-f]{64})\b")
_SHORT = 12
_MINUTE = 60
_KIB = 1024
_TINY = 0.05


def count(value: int) -> str:
    """Write 1234567 as 1,234,567."""
    return f"{value:,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def position(value: int | str) -> str:
    """Write an offset; positions that are text stay as they are."""
    return f"{value:,}" if isinstance(value, int) else value


def size(value: int) -> str:
    """Write bytes in binary units with one decimal."""
    amount, unit = float(value), 0
    while amount >= _KIB and unit < len(_UNITS) - 1:
        amount, unit = amount / _KIB, unit + 1
    return f"{value:,} bytes" if unit == 0 else f"{amount:,.1f} {_UNITS[unit]}"


def share(part: int, whole: int) -> str:
    """Write a fraction as per cent; never 0 % for some and never 100 % for not all."""
    if whole == 0:
        return "none"
    percent = 100 * part / whole
    if 0 < percent < _TINY:
        return "< 0.1 %"
    if 100 - _TINY < percent < 100:  # noqa: PLR2004 - per cent
        return "> 99.9 %"
    return f"{percent:.1f} %".replace(".0 %", " %")


def short(digest: str) -> str:
    """Shorten a SHA-256 for reading; anything else stays whole."""
    match = _DIGEST.fullmatch(digest)
    return f"{match[1] or ''}{match[2][:_SHORT]}…" if match else digest


def shortened(text: str) -> str:
    """Shorten every digest that occurs in a text."""
    return _DIGEST.sub(lambda match: short(match[0]), text)


def moment(text: str) -> str:
    """Write an RFC 3339 moment to the second, in UTC."""
    return f"{_parsed(text):%Y-%m-%d %H:%M:%S} UTC"


def since(first: str, later: str) -> str:
    """Write how long after the first moment the later one is."""
    return duration(_parsed(later) - _parsed(first))


def duration(length: timedelta) -> str:
    """Write a length of time with a sensible unit."""
    seconds = length.total_seconds()
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if seconds < _MINUTE:
        return f"{sign}{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes < _MINUTE:
        return f"{sign}{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{sign}{hours:,} h {minutes:02d} min"


def fraction_between(first: str, last: str, at: str) -> float:
    """Return where a moment lies between two others, from 0 to 1."""
    whole = (_parsed(last) - _parsed(first)).total_seconds()
    if whole <= 0:
        return 0.0
    return min(max((_parsed(at) - _parsed(first)).total_seconds() / whole, 0.0), 1.0)


def visible(text: str) -> str:
    """Write control, direction and surrogate characters as escapes, so that none can deceive."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char
        if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
        else f"\\u{{{ord(char):x}}}"
        for char in text
    )


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
