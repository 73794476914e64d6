"""The report of a lane in a real Chromium, on a phone and on wide screens, in light and in dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.reports.lane_report import render_lane_report
from platform_assets_tests.browser.conftest import CHROMIUM
from platform_assets_tests.reports.lane_examples import ALL

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

WIDTHS = (390, 1280, 1920)
#: Labels of plots that cover one another, as texts; halos and the numbers of phases and faults count.
OVERLAPPING = """() => [...document.querySelectorAll('svg.canvas')].flatMap(plot => {
  const texts = [...plot.querySelectorAll('text.tick, text.phase-name, text.fault-number, text.value')]
    .map(text => [text.textContent, text.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0);
  return texts.flatMap(([name, a], n) => texts.slice(n + 1)
    .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 &&
                       b.top < a.bottom - 4)
    .map(([other]) => `${plot.id || plot.parentElement.id}: ${name} / ${other}`));
})"""
#: Lines of plots that leave their plot.
STRAYING = """() => [...document.querySelectorAll('svg.stretched')].flatMap(plot => {
  const outer = plot.parentElement.getBoundingClientRect();
  return [...plot.querySelectorAll('path')].map(path => path.getBoundingClientRect())
    .filter(box => box.top < outer.top - 4 || box.bottom > outer.bottom || box.right > outer.right + 8)
    .map(box => `${plot.parentElement.parentElement.id}: ${box.top} ${box.bottom}`);
})"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.mark.parametrize("name", ALL)
def test_the_page_suits_every_screen_and_asks_for_nothing(
    name: str, page: Page, screenshots: Path, tmp_path: Path
) -> None:
    file = tmp_path / f"{name}.html"
    file.write_bytes(render_lane_report(ALL[name]()))
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(OVERLAPPING) == []
        assert page.evaluate(STRAYING) == []
        page.screenshot(path=screenshots / f"lane-{name}-{width}.png", full_page=True)
    light = page.evaluate(BACKGROUND)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(BACKGROUND) != light
    page.screenshot(path=screenshots / f"lane-{name}-dark.png", full_page=True)
    assert asked == [file.as_uri()]
    assert said == []
