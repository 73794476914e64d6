"""Formats that are checked in columns, by expressions that accept only what is surely valid.

They are narrower than the formats: an address with a port, a user, a percent sign or a letter beyond
ASCII goes to the path for single records, where the validator decides.
"""

from __future__ import annotations

from platform_assets.contracts.columnar.checks import Expression

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?"
_URI = Expression(
    rf"^https?://{_LABEL}(?:\.{_LABEL}){{1,8}}(?:/[A-Za-z0-9._~/-]*)?"
    r"(?:\?[A-Za-z0-9._~/=&-]*)?(?:#[A-Za-z0-9._~/=&-]*)?$"
)
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

FORMAT_PATTERNS = {
    "uri": _URI,
    "uri-reference": _URI,
    "iri": _URI,
    "iri-reference": _URI,
    "ipv4": Expression(rf"^{_OCTET}(?:\.{_OCTET}){{3}}$"),
    "email": Expression(rf"^[A-Za-z0-9]{{1,30}}@{_LABEL}(?:\.{_LABEL}){{1,4}}$"),
}
