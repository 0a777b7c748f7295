"""The report opened in Chromium, and what is asked of it there."""

import os
from pathlib import Path

import pytest

from tests.browser.chromium import Chromium, find_chromium

needs_chromium = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("AUXSEG_BROWSER") != "1", reason="starts Chromium: make test-browser"
    ),
]


def opened(page: Path, profile: Path, **settings) -> Chromium:
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium here")
    found = Chromium(program, profile, **settings)
    found.open(page)
    return found


def texts(browser: Chromium, selector: str) -> list[str]:
    return browser.run(
        f"[...document.querySelectorAll('{selector}')].map((e) => e.textContent.trim())"
    )


def open_image(browser: Chromium, number: int, split: str = "train") -> None:
    browser.choose("#filters [name=split]", split)
    browser.click(f"#grid li:nth-child({number}) button")
    browser.wait_for("document.querySelector('#viewer').open")


def text(browser: Chromium, selector: str) -> str:
    return browser.run(f"document.querySelector('{selector}').textContent")
