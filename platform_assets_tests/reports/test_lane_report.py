"""The page of a lane: complete, self-contained, escaped, and as the values say."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.reports.lane_model import LaneReport, RunView, SeriesView
from platform_assets.reports.lane_report import MAX_ROWS, render_lane_report
from platform_assets_tests.reports.lane_examples import ALL, failed_burst, probe, recovery, soak
from platform_assets_tests.reports.lane_loads import SECOND
from platform_assets_tests.reports.lane_views import threshold
from platform_assets_tests.reports.test_run_report import HOSTILE, Page

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Fields that a vocabulary of ours fills, or a clock or a digest: hostile text cannot stand there.
_OURS = {"verdict", "dimension", "unit", "begun_at", "ended_at", "pinned_at", "statistic"}


@pytest.fixture(scope="module")
def views() -> dict[str, LaneReport]:
    return {name: make() for name, make in ALL.items()}


@pytest.fixture(scope="module")
def pages(views: dict[str, LaneReport]) -> dict[str, bytes]:
    return {name: render_lane_report(view) for name, view in views.items()}


@pytest.fixture(params=ALL)
def page(request: pytest.FixtureRequest, pages: dict[str, bytes]) -> bytes:
    return pages[request.param]


def text_of(view: LaneReport) -> str:
    return Page(render_lane_report(view)).text


def test_the_same_values_give_the_same_bytes(pages: dict[str, bytes]) -> None:
    for name, make in ALL.items():
        assert render_lane_report(make()) == pages[name]


def test_the_page_is_well_formed_and_loads_nothing(page: bytes) -> None:
    parsed = Page(page)
    assert parsed.open == []
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "image", "use", "base"}
    for _, attributes in parsed.elements:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    for loading in (b"url(", b"@import", b"http:", b"https:"):
        assert loading not in page


def test_the_content_security_policy_refuses_everything_but_the_inline_style(page: bytes) -> None:
    policies = [
        attributes["content"] or ""
        for tag, attributes in Page(page).elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; style-src 'unsafe-inline';")


def test_a_page_of_45_minutes_is_small(pages: dict[str, bytes]) -> None:
    assert max(len(page) for page in pages.values()) < 1_000_000


def test_every_plot_has_a_title_and_every_table_has_headers(page: bytes) -> None:
    elements = Page(page).elements
    identifiers = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for tag, attributes in elements:
        if tag != "svg" or attributes.get("aria-hidden") or attributes.get("class") == "stretched":
            continue
        named = (attributes.get("aria-labelledby") or "").split()
        assert attributes.get("role") == "img"
        assert attributes.get("aria-label") or (len(named) == 2 and set(named) <= set(identifiers))
    headers = {attributes.get("scope") for tag, attributes in elements if tag == "th"}
    assert headers == {"row", "col"}
    assert sum(tag == "thead" for tag, _ in elements) == sum(tag == "table" for tag, _ in elements)


def test_links_of_the_page_lead_somewhere(page: bytes) -> None:
    elements = Page(page).elements
    identifiers = {attributes["id"] for _, attributes in elements if "id" in attributes}
    links = {(attributes["href"] or "")[1:] for tag, attributes in elements if tag == "a"}
    assert links <= identifiers
    labels = {a["aria-labelledby"] for tag, a in elements if tag == "section"}
    assert labels <= identifiers


def test_sections_come_in_the_order_of_the_questions(pages: dict[str, bytes]) -> None:
    order = ["verdict", "thresholds", "over-time", "distribution", "recovery", "events", "runs"]
    order += ["faults", "environment", "pin", "verify"]
    found = re.findall(r'<h2 id="([a-z-]+)"', pages["recovery"].decode())
    assert found == order


def hostile(value: Any) -> Any:
    """Return the same values with hostile text wherever text may come from outside."""
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, tuple):
        return tuple(hostile(each) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            field.name: hostile(getattr(value, field.name))
            for field in fields(value)
            if field.name not in _OURS
        }
        return replace(value, **changed)
    return value


@pytest.mark.parametrize("name", ALL)
def test_hostile_text_in_every_field_stays_text(name: str, views: dict[str, LaneReport]) -> None:
    view = views[name]
    changed = hostile(view)
    # what is drawn is found by the name of its metric
    changed = replace(
        changed, series=(*view.series, *changed.series[:1]), distributions=view.distributions
    )
    page = render_lane_report(changed)
    parsed = Page(page)
    assert parsed.open == []
    assert "script" not in {tag for tag, _ in parsed.elements}
    assert not [n for _, a in parsed.elements for n in a if n.startswith("on")]
    assert b"<script" not in page
    assert b"{{ 7*7 }}" in page
    assert page.count(b"</style>") == 1
    for deceiving in ("\u202e", "\x00"):
        assert deceiving not in page.decode()
    assert rb"\u{202e}" in page


def test_a_lane_that_passed_says_so_in_words() -> None:
    text = text_of(soak())
    assert "lane-soak-00000003 PASS" in text
    assert "All 11 limits were kept" in text
    assert "None was lost and none was doubled" in text
    assert "99 of 100 events were certified within" in text
    assert "2 cores, 23.4 GiB of memory, Linux 6.8.0" in text
    assert "Furthest from its limit" not in text


def test_a_lane_that_failed_names_what_is_furthest_from_its_limit_and_by_how_much() -> None:
    view = failed_burst()
    text = text_of(view)
    assert "4 of 7 limits were not kept; 1 of 7 limits could not be judged" in text
    assert "Furthest from its limit: total lost was 37, limit ≤ 0 (37 over)." in text
    assert "37 were lost; 0 were doubled; 0 were unexplained." in text
    assert "Not met: EveryRunClosed (load-00000042 is not CLOSED)." in text
    judged = tuple(each for each in view.thresholds if each.metric != "lost")
    assert "largest open runs was 7, limit ≤ 4 (75 % over)" in text_of(
        replace(view, thresholds=judged)
    )


def test_no_data_is_neither_passed_nor_failed_and_says_what_is_missing() -> None:
    view = soak()
    silent = replace(
        view.thresholds[0], value=None, samples=0, verdict="NO_DATA", reason="no gauge"
    )
    text = text_of(replace(view, verdict="NO_DATA", thresholds=(silent, *view.thresholds[1:])))
    assert "lane-soak-00000003 NO DATA" in text
    assert "1 of 11 limits could not be judged" in text
    assert "No data: mean certified in steady: no gauge." in text


def test_what_is_not_known_of_the_truth_is_said_to_be_unknown() -> None:
    view = soak()
    text = text_of(replace(view, truth=replace(view.truth, lost=None, doubled=3)))
    assert "How many were lost is unknown; 3 were doubled; 0 were unexplained." in text
    assert "None was lost" not in text


def test_a_lane_without_limits_is_a_failure() -> None:
    assert "There was no limit: that is a failure." in text_of(replace(soak(), thresholds=()))


def test_thresholds_that_failed_come_first(pages: dict[str, bytes]) -> None:
    table = pages["burst"].decode().split("<table", 2)[1].split("</table>")[0]
    verdicts = re.findall(r'<tr role="row" class="(\w+)"', table)
    assert verdicts == ["fail"] * 4 + ["no_data"] + ["pass"] * 2


def test_empty_series_say_so_and_draw_no_plot() -> None:
    view = replace(soak(), series=(), distributions=(), runs=())
    page = render_lane_report(view)
    text = Page(page).text
    assert "No samples of offered, achieved, acknowledged, certified." in text
    assert "No samples of memory_floor." in text
    assert "No samples of latency." in text
    assert "No values of latency, acknowledgement, slip." in text
    assert "No run was made." in text
    assert b'class="stretched"' not in page


def test_a_series_that_is_missing_on_a_plot_is_named(pages: dict[str, bytes]) -> None:
    assert "No samples of threads." in Page(pages["burst"]).text
    assert "No samples of database_size." in Page(pages["soak"]).text


def test_each_fault_is_named_on_every_plot_and_in_the_table(pages: dict[str, bytes]) -> None:
    page = pages["recovery"].decode()
    drawn = page.count('class="stretched"') - 1  # the curve of percentiles has no time
    for fault in recovery().faults:
        named = re.findall(rf"<title>{fault.number} {fault.kind} ", page)
        assert len(named) == drawn
        assert f"pid {3000 + fault.number}" in page


def test_a_fault_that_never_ended_shows_as_a_cross_and_as_not_steady(
    pages: dict[str, bytes],
) -> None:
    page = pages["recovery"].decode()
    never = [fault for fault in recovery().faults if fault.steady is None]
    assert len(never) == 1
    assert page.count('class="cross"') == 1
    assert re.search(rf'class="cross".*<title>Fault {never[0].number} .*not steady again', page)


def test_recovery_counts_what_was_steady_within_the_limit(pages: dict[str, bytes]) -> None:
    faults = recovery().faults
    for kind in {fault.kind for fault in faults}:
        own = [fault for fault in faults if fault.kind == kind]
        within = sum(fault.within for fault in own)
        limit = own[0].limit // SECOND
        assert f"{kind}: {within} of {len(own)} within {limit} s, median" in pages[
            "recovery"
        ].decode().replace("&#34;", '"')


def test_a_probe_tells_how_each_window_ended(pages: dict[str, bytes]) -> None:
    text = Page(pages["probe"]).text
    assert "The largest window that was certified held 16,000,000 events." in text
    assert "killed: exit 137 in admission, out of memory" in text
    view = probe()
    assert view.probe is not None
    assert "end to end was not measured" not in text_of(replace(view, distributions=()))
    none = replace(view.probe, windows=view.probe.windows[-1:])
    assert "No window was certified." in text_of(replace(view, probe=none))


def test_a_development_key_is_announced_at_the_top() -> None:
    view = soak()
    assert "Signed with a development key" not in text_of(view)
    keys = (replace(view.keys[0], development=True),)
    assert "Signed with a development key" in text_of(replace(view, keys=keys))


def test_of_very_many_runs_the_first_and_the_last_are_listed() -> None:
    runs = tuple(
        RunView(f"load-{n:08d}", n * SECOND, (n + 1) * SECOND, 10, 10, 0, 0, None)
        for n in range(MAX_ROWS + 50)
    )
    text = text_of(replace(soak(), runs=runs))
    assert "50 runs not listed here" in text
    half = MAX_ROWS // 2
    assert f"load-{half - 1:08d}" in text
    assert f"load-{half:08d}" not in text
    assert f"load-{MAX_ROWS + 49:08d}" in text


def test_of_very_many_notes_the_first_are_listed_and_the_others_counted() -> None:
    notes = tuple((f"worker {n}", "met something") for n in range(MAX_ROWS + 7))
    text = text_of(replace(soak(), notes=notes))
    assert f"worker {MAX_ROWS - 1} met something" in text
    assert f"worker {MAX_ROWS} met something" not in text
    assert "7 more notes in notes.json" in text


def test_full_digests_are_in_the_page(page: bytes) -> None:
    view = soak()
    for digest in digests(view.pin):
        assert digest in page.decode()


def digests(value: object) -> Iterator[str]:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from digests(getattr(value, field.name))
    elif isinstance(value, tuple):
        for each in value:
            yield from digests(each)
    elif isinstance(value, str) and value.startswith("sha256:"):
        yield value


def test_a_threshold_of_one_label_says_of_which() -> None:
    one = threshold("slow_step", "step_duration", "p95", value=9, limit=SECOND, label="admission")
    assert "step_duration of admission" in text_of(replace(soak(), thresholds=(one,)))


def test_a_series_of_the_same_metric_and_another_label_has_a_line_of_its_own() -> None:
    view = soak()
    twice = tuple(
        SeriesView("cpu", label, ((0, 100_000), (SECOND, 200_000)))
        for label in ("worker", "broker")
    )
    others = tuple(series for series in view.series if series.metric != "cpu")
    text = text_of(replace(view, series=(*others, *twice)))
    assert "CPU worker median 10 %, highest 20 %" in text
    assert "CPU broker median 10 %, highest 20 %" in text


def test_a_requirement_that_is_not_met_and_none_at_all_show() -> None:
    assert "1 requirement not met" in text_of(failed_burst())
    assert "264 of 264 runs CLOSED" in text_of(soak())
    none = text_of(replace(soak(), requirements=()))
    assert "No requirement was evaluated: that is a failure." in none


def test_of_more_series_than_can_be_told_apart_the_largest_are_drawn_and_the_others_named() -> None:
    view = soak()
    steps = tuple(
        SeriesView("step_duration", f"step {n}", ((0, 10 * n), (SECOND, 10 * n))) for n in range(9)
    )
    others = tuple(series for series in view.series if series.metric != "step_duration")
    text = text_of(replace(view, series=(*others, *steps)))
    assert "Not drawn, as they are smaller: step 2, step 1, step 0." in text
