"""The pages in a browser: Debian's Chromium without a window, driven by playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any, Literal

import pytest

from tests.finished_runs import REFERENCES, SOURCES, two_runs
from umt.evaluation.report.comparison import write_comparison
from umt.evaluation.report.figures import line_chart
from umt.evaluation.report.page import Cell, Figure, Renderings, Section, Table, write_page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = which("chromium") or which("chromium-browser") or ""
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on this machine"),
    pytest.mark.slow,
]
QUIET = ("disable-gpu", "disable-quic", "no-first-run", "disable-background-networking")
QUIET += ("disable-component-update", "disable-sync")
SCRIPT = "<script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\">"


@dataclass
class Browser:
    """Opens pages of a size and keeps what they complain about."""

    driver: Any
    profiles: Path
    complaints: list[str] = field(default_factory=list)

    def open(self, page: Path | str, width: int = 1280, scheme: Literal["light", "dark"] = "light") -> Any:
        """The page, from disk or a local program, in a new profile."""
        arguments = [f"--{word}" for word in QUIET] + (["--no-sandbox"] if os.geteuid() == 0 else [])
        profile = self.profiles / f"profile-{len(list(self.profiles.iterdir()))}"
        context = self.driver.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=arguments,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        opened = context.new_page()
        opened.on("console", lambda message: self.complaints.append(message.text))
        opened.on("pageerror", lambda error: self.complaints.append(str(error)))
        opened.on("request", lambda request: self.asked_for(request.url))
        opened.goto(page if isinstance(page, str) else page.as_uri())
        return opened

    def asked_for(self, url: str) -> None:
        """Everything but the page itself is a complaint."""
        if not url.startswith(("file:", "http://127.0.0.1:")):
            self.complaints.append(f"asked for {url}")


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with playwright.sync_playwright() as driver:
        yield Browser(driver, tmp_path_factory.mktemp("profiles"))


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store")
    write_comparison(two_runs(store), store / "comparison.html", 100)
    return store / "comparison.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scores = [["b", Cell("9.0", order=9.0)], ["a", "10.0"], ["c", ""], [Cell(SCRIPT, lang="zh"), "1,000"]]
    wide = Table([f"column {number}" for number in range(40)], [["0.123"] * 40])
    sections = [
        Section(f"Section {number} with a name of some length", "", [wide]) for number in range(12)
    ] + [
        Section("Scores", SCRIPT, [Table(["system", "BLEU"], scores, filtered=True)]),
        Section("Curves", "", [Figure(line_chart({"a": [(1, 2.0), (2, 3.0)]}, "update", SCRIPT))]),
        Section(
            "Samples", "", [Renderings([("source", SCRIPT, "en", True), ("nmt", "一" * 200, "zh", False)])]
        ),
    ]
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(path, f"A page {SCRIPT}", "unbroken" * 40, sections)
    return path


def first_column(opened: Any, section: str) -> list[str]:
    cells: list[str] = opened.locator(f"#{section} tbody tr td:first-child").all_inner_texts()
    return [cell[:1] for cell in cells]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_both_pages_fit_the_screen_without_a_complaint(
    browser: Browser, page: Path, comparison: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    for path in (page, comparison):
        opened = browser.open(path, width, scheme)
        assert opened.evaluate("document.documentElement.scrollWidth") == width
        paper = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) > 382) == (scheme == "light")
    assert opened.locator("nav a").last.is_visible()
    assert browser.complaints == []


def test_scripts_in_texts_are_shown_and_do_not_run(browser: Browser, page: Path, comparison: Path) -> None:
    opened = browser.open(page)
    assert opened.title() == f"A page {SCRIPT}"
    assert opened.locator("#samples dd").first.inner_text() == SCRIPT
    assert opened.locator("#samples dd").first.get_attribute("lang") == "en"
    assert opened.locator("#samples dd").last.get_attribute("lang") == "zh"
    opened = browser.open(comparison)
    assert opened.title() == "2 runs compared"
    assert opened.locator("#sentences dd").first.inner_text() == SOURCES[0]
    injected = "document.body.insertAdjacentHTML('beforeend', `<img src=x onerror=\"document.title='x'\">`)"
    opened.evaluate(injected)
    opened.wait_for_timeout(200)
    assert opened.title() == "2 runs compared"  # by the page's own policy


def test_a_click_on_a_heading_sorts_and_what_is_empty_stays_last(browser: Browser, page: Path) -> None:
    opened = browser.open(page)
    heading = opened.locator("#scores th")
    heading.nth(1).click()
    assert first_column(opened, "scores") == ["<", "a", "b", "c"]
    assert heading.nth(1).get_attribute("aria-sort") == "descending"
    heading.nth(1).click()
    assert first_column(opened, "scores") == ["b", "a", "<", "c"]
    heading.nth(0).focus()
    opened.keyboard.press("Enter")
    assert first_column(opened, "scores") == ["<", "a", "b", "c"]
    opened.locator("#scores input").fill("10")
    assert opened.locator("#scores tbody tr:visible").count() == 1
    assert opened.locator("#scores output").inner_text() == "1 of 4"
    assert browser.complaints == []


def test_a_pointer_shows_what_a_dot_stands_for(browser: Browser, page: Path) -> None:
    opened = browser.open(page, 390)
    dot, tooltip = opened.locator("#curves circle").first, opened.locator("#tooltip")
    dot.scroll_into_view_if_needed()
    opened.wait_for_timeout(200)  # scrolling hides what is shown
    dot.hover()
    assert tooltip.is_visible()
    assert tooltip.inner_text() == "1: 2"
    box = tooltip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    opened.mouse.move(5, 5)
    assert tooltip.is_hidden()


def test_wide_tables_scroll_in_their_own_box(browser: Browser, page: Path) -> None:
    opened = browser.open(page, 390)
    sizes = opened.locator(".table .scroll").first.evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert sizes[0] > 1000
    assert sizes[1] <= 390


def test_significance_between_any_two_systems(browser: Browser, comparison: Path) -> None:
    opened = browser.open(comparison)
    part = opened.locator("#significance")
    part.get_by_label("against").select_option("lexical, seed=2")
    row = part.locator("tbody tr", has_text="lexical, seed=1").locator("td").all_inner_texts()
    assert row[2].startswith("-")
    assert float(row[4]) < 0.05
    assert part.locator("tbody tr").count() == 3  # the copies are one
    part.get_by_label("metric").select_option("chrF")
    assert part.locator("th").nth(1).inner_text() == "chrF"
    assert browser.complaints == []


def test_sentences_are_searched_filtered_and_marked(browser: Browser, comparison: Path) -> None:
    opened = browser.open(comparison)
    part = opened.locator("#sentences")
    assert part.locator(".controls output").inner_text() == "30 of 30 sentences"
    assert part.locator(".renderings").count() == 20
    part.get_by_role("button", name="more").click()
    assert part.locator(".renderings").count() == 30
    part.get_by_label("with").fill(REFERENCES[7][1])
    assert part.locator(".renderings").count() == 3  # also 17 and 27, which hold every word
    assert part.locator("mark").count() == 0
    part.get_by_label("with").fill("None")
    assert part.locator(".renderings").count() == 6
    assert part.locator("mark").first.inner_text().strip()
    part.get_by_label("with").fill("")
    part.get_by_label("only where systems differ").check()
    assert part.locator(".controls output").inner_text() == "18 of 30 sentences"
    part.get_by_label("lexical, seed=1").uncheck()
    assert part.locator(".controls output").inner_text() == "0 of 30 sentences"
    assert browser.complaints == []
