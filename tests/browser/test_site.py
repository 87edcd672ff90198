"""The built website in a browser that has no network: every page, on a desk and on a phone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from scripts.browser import new_page

PHONE = {"width": 390, "height": 844}
CHECKED = ["index", "notebooks/00-start-here", "glossary"]
WIDER = """() => {
    const wide = document.documentElement.scrollWidth > innerWidth;
    const inside = e => e.closest('.highlight, .output, table, .math, mjx-container');  // they scroll
    const outside = e => e.getBoundingClientRect().right > innerWidth + 1 && !inside(e);
    const out = [...document.querySelectorAll('article *')].filter(outside);
    if (!wide) return [];
    return out.slice(0, 3).map(e => e.outerHTML.slice(0, 80)).concat(document.documentElement.scrollWidth);
}"""


@pytest.fixture(scope="module")
def html(browser: Browser, html: Path) -> Path:
    """The website; not built where there is no Chromium."""
    return html


@pytest.fixture(scope="module")
def offline(browser: Browser) -> Iterator[Page]:
    page = new_page(browser, offline=True)
    yield page
    page.context.close()


def pages(html: Path) -> list[Path]:
    return sorted(path for path in html.rglob("*.html") if "_static" not in path.parts)


def ready(page: Page) -> None:
    """Wait until the formulas are typeset."""
    page.evaluate("() => window.MathJax?.startup?.promise")


def test_every_page_opens_without_network_and_fits_a_phone(html: Path, offline: Page):
    found: dict[str, list] = {}
    current = [""]

    def note(problem: object) -> None:
        found.setdefault(current[0], []).append(problem)

    offline.on("console", lambda message: note(message.text) if message.type == "error" else None)
    offline.on("pageerror", lambda error: note(str(error)))
    offline.on(
        "request",
        lambda request: (
            note(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None
        ),
    )
    for path in pages(html):
        current[0] = str(path.relative_to(html))
        offline.set_viewport_size({"width": 1280, "height": 720})
        offline.goto(path.as_uri())
        ready(offline)
        source = path.read_text(encoding="utf-8")
        if re.search(r'class="math', source) and not offline.locator("mjx-container").count():
            note("its formulas are not rendered")
        if unrendered := offline.locator("mjx-merror").count():
            note(f"{unrendered} formulas with errors")
        for image in offline.locator("article img").all():
            if not (image.get_attribute("alt") or "").strip() or re.search(
                r"_images/|\.png|\.svg", image.get_attribute("alt")
            ):
                note(f"no alt text: {image.get_attribute('src')}")
        offline.set_viewport_size(PHONE)
        if wider := offline.evaluate(WIDER):
            note(f"wider than a phone: {wider}")
    assert not found


def test_search_finds_filter(html: Path, offline: Page):
    offline.goto((html / "search.html").as_uri() + "?q=filter")
    results = offline.locator("#search-results li a")
    expect(results.first).to_be_visible()
    assert any("02-granularity" in (link.get_attribute("href") or "") for link in results.all())


def test_an_explorer_moves_without_a_kernel(html: Path, offline: Page):
    shown = [path for path in pages(html) if 'class="anim-slider"' in path.read_text(encoding="utf-8")]
    assert shown
    for path in shown:
        offline.goto(path.as_uri())
        slider, picture = offline.locator(".anim-slider").first, offline.locator(".animation img").first
        before, last = picture.get_attribute("src"), slider.get_attribute("max")
        slider.focus()
        slider.press("End")
        assert slider.input_value() == last and int(last) > 0, path.name
        assert picture.get_attribute("src") != before, path.name
        slider.press("Home")
        assert picture.get_attribute("src") == before, path.name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_seriously_inaccessible(html: Path, browser: Browser, scheme: str):
    page = new_page(browser, offline=True, color_scheme=scheme)
    found = {}
    for name in CHECKED:
        page.goto((html / f"{name}.html").as_uri())
        ready(page)
        violations = Axe().run(page).response["violations"]
        serious = [v for v in violations if v["impact"] in ("serious", "critical")]
        if serious:
            found[name] = {v["id"]: [node["html"][:120] for node in v["nodes"][:3]] for v in serious}
    page.context.close()
    assert not found
