r"""What can be wrong with a record, and what admission has to say about each.

A fault takes the JSON object of a good event and gives the bytes of a record, without a line feed. It
names the reason codes that admission must find; one without a code has to be admitted or, where it
repeats an event, be counted as a duplicate. Faults whose bytes are broken are planted in identical
pairs, so that a reader that keys bad records by their content loses one and is found out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]

_DEPTH = 10_000


class Outcome(StrEnum):
    """What becomes of a planted record."""

    ADMITTED = "admitted"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to be odd or wrong.

    ``keeps_id`` says that the record has the event id of the good event; others have an id of their
    own. ``before`` places the record before the good event instead of after it.
    """

    make: Callable[[Event], bytes]
    codes: tuple[str, ...] = ()
    outcome: Outcome = Outcome.QUARANTINED
    keeps_id: bool = False
    before: bool = False
    paired: bool = False
    authorisations_only: bool = False


def compact(event: Event) -> bytes:
    """Write an event as the generator does: compact, in the order of its keys."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _with(**changes: Any) -> Callable[[Event], bytes]:
    return lambda event: compact(event | changes)


def _without(*names: str) -> Callable[[Event], bytes]:
    return lambda event: compact({k: v for k, v in event.items() if k not in names})


def _with_text(key: str, text: bytes) -> Callable[[Event], bytes]:
    # The value is written as it is, because JSON libraries refuse to write it.
    return lambda event: (
        compact({k: v for k, v in event.items() if k != key})[:-1]
        + (b',"' + key.encode() + b'":' + text + b"}")
    )


def _within(name: str, **changes: Any) -> Callable[[Event], bytes]:
    return lambda event: compact(event | {name: event[name] | changes})


def _always(data: bytes) -> Callable[[Event], bytes]:
    return lambda _: data


def _other_amount(event: Event) -> bytes:
    minor = int(event["amount"].replace(".", "")) + 1
    changes: Event = {"amount": f"{minor // 100}.{minor % 100:02d}"}
    if "amount_minor" in event:
        changes["amount_minor"] = minor
    return compact(event | changes)


def _integral_float(event: Event) -> bytes:
    return _with_text("amount_minor", f"{event['amount_minor']}.0".encode())(event)


def _reworded(event: Event) -> bytes:
    return json.dumps(dict(reversed(event.items())), separators=(", ", ": ")).encode()


def _escaped(event: Event) -> bytes:
    return compact(event).replace(b'"account_id":"a', rb'"account_id":"\u0061')


def _malformed(code: str, make: Callable[[Event], bytes]) -> Fault:
    return Fault(make, (code,), paired=True)


_MALFORMED = {
    "empty_line": _malformed("EMPTY_RECORD", _always(b"")),
    "blank_line": _malformed("EMPTY_RECORD", _always(b" \t ")),
    "truncated": _malformed("INVALID_JSON", lambda event: compact(event)[:-20]),
    "two_values": _malformed("INVALID_JSON", lambda event: compact(event) + b"{}"),
    "byte_order_mark": _malformed("INVALID_JSON", lambda event: b"\xef\xbb\xbf" + compact(event)),
    "single_quotes": _malformed("INVALID_JSON", lambda e: compact(e).replace(b'"', b"'")),
    "stray_byte": _malformed("INVALID_UTF8", lambda e: compact(e).replace(b'"a0', b'"\xff0')),
    "encoded_surrogate": _malformed("INVALID_UTF8", _with_text("account_id", b'"\xed\xa0\x80"')),
    "lone_surrogate": _malformed("LONE_SURROGATE", _with_text("account_id", rb'"a\ud800000001"')),
    "duplicate_key": _malformed("DUPLICATE_KEY", lambda e: compact(e)[:-1] + b',"amount":"1.00"}'),
    "not_a_number": _malformed("NON_FINITE_NUMBER", _with_text("amount", b"NaN")),
    "infinity": _malformed("NON_FINITE_NUMBER", _with_text("amount", b"-Infinity")),
    "huge_number": _malformed("NUMBER_OUT_OF_RANGE", _with_text("amount", b"1e400")),
    "depth_bomb": _malformed("DEPTH_EXCEEDED", _with_text("amount", b"[" * _DEPTH + b"]" * _DEPTH)),
    "array": _malformed("NOT_AN_OBJECT", lambda event: b"[" + compact(event) + b"]"),
    "bare_null": _malformed("NOT_AN_OBJECT", _always(b"null")),
    "bare_text": _malformed("NOT_AN_OBJECT", _always(b'"authorisation"')),
}

_INVALID = {
    "unknown_type": Fault(_with(type="settlement"), ("UNKNOWN_EVENT_TYPE",)),
    "type_missing": Fault(_without("type"), ("UNKNOWN_EVENT_TYPE",)),
    "id_missing": Fault(_without("event_id"), ("EVENT_ID_MISSING", "MISSING_REQUIRED")),
    "id_null": Fault(_with(event_id=None), ("EVENT_ID_MISSING", "WRONG_TYPE")),
    "amount_missing": Fault(_without("amount"), ("MISSING_REQUIRED",)),
    "amount_a_number": Fault(_with(amount=12.5), ("WRONG_TYPE",)),
    "unknown_currency": Fault(_with(currency="XXX"), ("VALUE_NOT_ALLOWED",)),
    "account_malformed": Fault(_with(account_id="A-1"), ("PATTERN_MISMATCH",)),
    "day_does_not_exist": Fault(_with(occurred_at="2026-02-30T00:00:00Z"), ("FORMAT_INVALID",)),
    "id_no_uuid": Fault(_with(event_id="not-a-uuid"), ("FORMAT_INVALID",)),
    "two_faults": Fault(
        _with(currency="usd", amount="1,00"), ("PATTERN_MISMATCH", "VALUE_NOT_ALLOWED")
    ),
    "finer_than_microseconds": Fault(
        _with(occurred_at="2026-01-06T10:00:00.123456789Z"), ("VALUE_NOT_REPRESENTABLE",)
    ),
}

_INVALID_AUTHORISATION = {
    "amount_zero": (_with(amount_minor=0), ("VALUE_OUT_OF_RANGE",)),
    "huge_integer": (
        _with_text("amount_minor", b"9" * 23),
        ("INTEGER_OUT_OF_RANGE", "VALUE_OUT_OF_RANGE"),
    ),
    "amount_fraction": (_with(amount_minor=12.5), ("WRONG_TYPE",)),
    "device_too_short": (_with(device="d1"), ("LENGTH_OUT_OF_RANGE",)),
    "property_unknown": (_with(loyalty=True), ("ADDITIONAL_PROPERTY",)),
    "nested_property_unknown": (_within("card", pin="0000"), ("ADDITIONAL_PROPERTY",)),
    "nested_property_missing": (_with(card={"network": "visa"}), ("MISSING_REQUIRED",)),
    "merchant_no_object": (_with(merchant="m000001"), ("WRONG_TYPE",)),
    "flag_a_number": (_within("card", present=1), ("WRONG_TYPE",)),
}

_ODD_BUT_GOOD = {
    "crlf": Fault(lambda event: compact(event) + b"\r", outcome=Outcome.ADMITTED),
    "other_spelling": Fault(_reworded, outcome=Outcome.ADMITTED),
    "escaped_letter": Fault(_escaped, outcome=Outcome.ADMITTED),
    "integral_float": Fault(_integral_float, outcome=Outcome.ADMITTED, authorisations_only=True),
}

_REPEATED = {
    # The bytes of exact copies are not made here: the generator writes the event's line again.
    "copy_near": Fault(compact, outcome=Outcome.DUPLICATE, keeps_id=True),
    "copy_far": Fault(compact, outcome=Outcome.DUPLICATE, keeps_id=True),
    "copy_reworded": Fault(_reworded, outcome=Outcome.DUPLICATE, keeps_id=True),
    "mismatch_near": Fault(_other_amount, ("PAYLOAD_MISMATCH",), keeps_id=True),
    "mismatch_far": Fault(_other_amount, ("PAYLOAD_MISMATCH",), keeps_id=True),
    # An invalid attempt does not use up the id: the corrected event after it is admitted.
    "corrected_later": Fault(
        _with(currency="?"), ("VALUE_NOT_ALLOWED",), keeps_id=True, before=True
    ),
}

#: Every fault under its name.
FAULTS: dict[str, Fault] = {
    **_REPEATED,
    **_MALFORMED,
    **_INVALID,
    **{
        name: Fault(make, codes, authorisations_only=True)
        for name, (make, codes) in _INVALID_AUTHORISATION.items()
    },
    **_ODD_BUT_GOOD,
}

#: Faults that stand a long way behind their event, so that windows fall between the two.
FAR = frozenset({"copy_far", "mismatch_far"})
#: Faults that are the event's own bytes once more.
COPIES = frozenset({"copy_near", "copy_far"})
