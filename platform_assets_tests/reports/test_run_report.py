from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import digest
from platform_assets.reports.collect import collect
from platform_assets.reports.run_report import render_run_report

if TYPE_CHECKING:
    from platform_assets.reports.model import RunReport

HOSTILE = "<script>alert(1)</script>\"' onload='x' {{ 7*7 }} </style>\u202e\x00\ud800"
SECRETS = ("4929123456781234", "hunter2", "alice@exam", "987654321", "rich-7")
_VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """Collects the elements of a page and holds that they nest."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


def test_the_same_records_give_the_same_bytes(records: dict[str, Any]) -> None:
    first = render_run_report(collect(**records))
    records["samples"] = list(reversed(records["samples"]))
    assert render_run_report(collect(**records)) == first


def test_the_page_is_well_formed_and_loads_nothing(view: RunReport) -> None:
    page = render_run_report(view)
    parsed = Page(page)
    assert parsed.open == []
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "image", "use", "base"}
    for _, attributes in parsed.elements:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    assert b"url(" not in page
    assert b"@import" not in page
    assert b"http:" not in page.replace(b"http-equiv", b"")
    assert b"https:" not in page


def test_the_content_security_policy_refuses_everything_but_the_inline_style(
    view: RunReport,
) -> None:
    policies = [
        attributes["content"]
        for tag, attributes in Page(render_run_report(view)).elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert policies[0] is not None
    assert policies[0].startswith("default-src 'none'; style-src 'unsafe-inline';")


def test_every_plot_has_a_text_and_every_table_has_headers(view: RunReport) -> None:
    elements = Page(render_run_report(view)).elements
    plots = [attributes for tag, attributes in elements if tag == "svg"]
    assert plots
    assert all(plot.get("role") == "img" and plot.get("aria-label") for plot in plots)
    headers = [attributes.get("scope") for tag, attributes in elements if tag == "th"]
    assert set(headers) == {"row", "col"}
    assert sum(tag == "thead" for tag, _ in elements) == sum(tag == "table" for tag, _ in elements)


def test_anchors_of_the_page_lead_somewhere(view: RunReport) -> None:
    elements = Page(render_run_report(view)).elements
    identifiers = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    links = [attributes["href"] or "" for tag, attributes in elements if tag == "a"]
    assert {link.removeprefix("#") for link in links} <= set(identifiers)
    labels = {a["aria-labelledby"] for _, a in elements if "aria-labelledby" in a}
    assert labels <= set(identifiers)


def test_the_verdict_tells_in_words_what_happened(view: RunReport) -> None:
    text = Page(render_run_report(view)).text
    assert "payments-00000002 CLOSED" in text
    assert "208,000 records were delivered from 2 streams (6 partitions)." in text
    assert (
        "205,056 were admitted, 1,675 were left out as duplicates of events that count already, "
        "and 1,269 were quarantined with reasons. Every delivered record is accounted for." in text
    )
    assert "5 of 5 products were certified; 35 of 35 checks passed." in text


def test_the_counts_that_are_shown_add_up(view: RunReport) -> None:
    assert view.balances
    assert view.delivered == view.admitted + view.duplicate + view.quarantined
    text = Page(render_run_report(view)).text
    rows = re.findall(r"partition \d+ ([\d,]+) ([\d,]+) ([\d,]+) ([\d,]+) yes", text)
    shown = [[int(cell.replace(",", "")) for cell in row] for row in rows]
    assert len(shown) == 6
    assert all(delivered == a + d + q for delivered, a, d, q in shown)
    assert [sum(column) for column in zip(*shown, strict=True)] == [208_000, 205_056, 1_675, 1_269]


def test_a_record_that_is_unaccounted_for_shows(records: dict[str, Any]) -> None:
    records["admissions"]["authorisations"]["partitions"][0]["duplicate"] -= 1
    view = collect(**records)
    assert not view.balances
    text = Page(render_run_report(view)).text
    assert "These numbers do not add up: records are unaccounted for." in text
    assert "Every delivered record is accounted for" not in text
    assert " NO " in text


def test_an_unmet_requirement_makes_the_page_say_not_closed(records: dict[str, Any]) -> None:
    records["requirements"][4] |= {"satisfied": False, "detail": "refunds has no certificate"}
    text = Page(render_run_report(collect(**records))).text
    assert "payments-00000002 NOT CLOSED" in text
    assert "EveryProductCertified (refunds has no certificate)" in text


def test_no_requirement_at_all_is_not_a_closure(records: dict[str, Any]) -> None:
    records["requirements"] = []
    view = collect(**records)
    assert not view.closes
    assert "no requirement was evaluated" in Page(render_run_report(view)).text


@pytest.mark.parametrize("development", [True, False])
def test_a_development_key_is_announced_at_the_top(
    records: dict[str, Any], development: bool
) -> None:
    records["keys"] = [("ab" * 32, development)]
    text = Page(render_run_report(collect(**records))).text
    assert ("Signed with a development key" in text) is development
    assert "ab" * 32 in text


def test_no_value_of_a_quarantined_record_reaches_the_page(view: RunReport) -> None:
    page = render_run_report(view).decode()
    for secret in SECRETS:
        assert secret not in page
    assert "«text, 16 characters»" in page
    assert "&#34;event_id&#34;: «text, 6 characters»" in page
    assert "authorisations / 0 @ 1,000,017" in page


def test_each_reason_is_explained(view: RunReport) -> None:
    text = Page(render_run_report(view)).text
    assert "MISSING_REQUIRED 402" in text
    assert "A property that the contract requires is absent." in text


def test_full_digests_are_in_the_page(view: RunReport, records: dict[str, Any]) -> None:
    page = render_run_report(view).decode()
    for manifest in records["manifests"].values():
        assert digest(manifest) in page
        assert manifest["content_digest"] in page
        assert all(part["sha256"] in page for part in manifest["parts"])
    assert digest(records["anchors"]) in page
    for record in [*records["landings"].values(), *records["admissions"].values()]:
        assert digest(record) in page


def test_hostile_text_in_every_field_stays_text(records: dict[str, Any]) -> None:
    records["description"] = HOSTILE
    records["requirements"][0] |= {"name": HOSTILE, "detail": HOSTILE}
    records["code"] |= {"package": HOSTILE, "revision": HOSTILE, "image": HOSTILE}
    records["code"]["engines"] = {HOSTILE: HOSTILE}
    records["keys"] = [(HOSTILE, True)]
    records["anchors"]["streams"][0]["partitions"][0]["partition"] = HOSTILE
    records["landings"]["authorisations"]["partitions"][0]["partition"] = HOSTILE
    records["landings"]["authorisations"]["partitions"][3]["gaps"][0]["proof"] = HOSTILE
    records["admissions"]["authorisations"]["partitions"][0]["partition"] = HOSTILE
    for check in records["certificates"]["refunds"]["checks"]:
        check |= {"observed": HOSTILE, "expected": HOSTILE, "detail": HOSTILE}
    for sample in records["samples"]:
        sample |= {"partition": HOSTILE, "event": HOSTILE}
        sample["value"] = b'{"<script>alert(1)</script>": {"a\xe2\x80\xaeb": "<b>"}}'
        sample["reasons"] = [{"code": HOSTILE, "where": "/" + HOSTILE, "detail": HOSTILE}]
    # Surrogates cannot stand in a digest, so what is digested gets the rest of the hostile text.
    tame = HOSTILE.replace("\ud800", "")
    for record in (
        records["anchors"],
        *records["landings"].values(),
        *records["admissions"].values(),
    ):
        for part in record.get("partitions") or record["streams"][0]["partitions"]:
            part["partition"] = part["partition"].replace("\ud800", "")
            for gap in part.get("gaps", []):
                gap["proof"] = tame
    page = render_run_report(collect(**records))
    parsed = Page(page)
    assert parsed.open == []
    assert "script" not in {tag for tag, _ in parsed.elements}
    assert not [n for _, a in parsed.elements for n in a if n.startswith("on")]
    assert "49" not in re.findall(r"\{\{ (.*?) \}\}", page.decode())
    assert b"{{ 7*7 }}" in page
    assert b"<script" not in page
    assert page.count(b"</style>") == 1
    for deceiving in ("\u202e", "\x00"):
        assert deceiving not in page.decode()
    assert rb"\u{202e}" in page


def test_a_certificate_of_another_manifest_is_a_mistake_of_the_caller(
    records: dict[str, Any],
) -> None:
    records["manifests"]["refunds"]["rows"] += 1
    with pytest.raises(RuntimeError, match="refunds: the certificate names another manifest"):
        collect(**records)


@pytest.mark.parametrize("kind", ["landings", "admissions", "certificates"])
def test_a_missing_record_is_a_mistake_of_the_caller(records: dict[str, Any], kind: str) -> None:
    records[kind] = {}
    with pytest.raises(RuntimeError, match="the report needs the"):
        collect(**records)


def test_many_samples_are_folded_and_none_is_lost(records: dict[str, Any]) -> None:
    first = records["samples"][1]
    records["samples"] = [first | {"offset": 2_000_000 + n} for n in range(40)]
    page = render_run_report(collect(**records)).decode()
    assert "28 more samples" in page
    assert all(f"@ {2_000_000 + n:,}" in page for n in range(40))
    assert Page(page.encode()).open == []


def test_what_was_pinned_of_a_stream_is_shown_and_of_one_without_names_nothing(
    view: RunReport,
) -> None:
    text = Page(render_run_report(view)).text

    assert text.count("cluster lkc-1; id topic-7; leader epoch 4") == 4
    assert "What the streams were" in text
    bare = [part.pinned for stream in view.streams[1:] for part in stream.partitions]
    assert bare
    assert not any(bare)
