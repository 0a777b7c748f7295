"""The report's page in a real browser: how it loads, what it lists, and that all can use it."""

import json
import re

import pytest

from auxseg.config import ReportOptions
from auxseg.runtime import Runtime
from auxseg.stages import report
from tests.browser.report_page import needs_chromium, open_image, opened, text, texts

pytestmark = needs_chromium
TRAIN, VAL = 12, 6


def test_the_page_is_one_file_that_loads_without_a_fault(browser, page):
    browser.run("[...document.images].forEach((i) => { i.loading = 'eager'; })")
    browser.wait_for("[...document.images].every((i) => i.complete)")

    assert browser.run("document.title") == "Scenes"
    assert browser.errors == []
    assert [url for url in browser.loaded if not url.startswith("data:")] == [page.as_uri()]
    assert browser.run("[...document.images].filter((i) => i.src && !i.naturalWidth).length") == 0


def test_many_pictures_lie_beside_the_page(run, tmp_path, monkeypatch):
    monkeypatch.setattr("auxseg.report.gallery.EMBEDDED_BYTES", 1000)
    page = run / "beside/index.html"
    report.run(
        ReportOptions(affinities=0, panels=0),
        folder=run,
        rounds=1,
        labelled_rounds=2,
        page=page,
        runtime=Runtime(1),
    )

    with opened(page, tmp_path / "profile") as browser:
        browser.run("document.querySelector('#grid').scrollIntoView()")
        browser.wait_for("[...document.querySelectorAll('#grid img')].some((i) => i.naturalWidth)")
        open_image(browser, 1)
        browser.wait_for("document.querySelector('#photo').naturalWidth > 0")
        assert browser.errors == []
    assert len(list((page.parent / "pictures").glob("*-photo.jpg"))) == TRAIN + VAL


def test_filters_and_orders_choose_what_is_listed(browser):
    assert len(texts(browser, "#grid li")) == TRAIN + VAL

    browser.choose("#filters [name=split]", "val")
    assert browser.run("document.querySelector('#filters [name=count]').value") == f"{VAL} images"

    browser.choose("#filters [name=split]", "train")
    browser.choose("#filters [name=class]", "0")
    name = browser.run("document.querySelector('#filters [name=class]').selectedOptions[0].text")
    kept = texts(browser, "#grid li strong")
    assert 0 < len(kept) < TRAIN
    assert all(name in shown.split(", ") for shown in kept)


def test_a_long_list_is_shown_part_by_part(page, tmp_path):
    start, data, end = re.split(
        r'(?<=id="gallery">)(.*?)(?=</script>)', page.read_text(), flags=re.S
    )
    gallery = json.loads(data)
    gallery["images"] *= 20
    long = tmp_path / "long.html"
    long.write_text(start + json.dumps(gallery).replace("<", "\\u003c") + end)

    with opened(long, tmp_path / "profile") as browser:
        assert browser.run("document.querySelector('#grid').children.length") == 240
        assert text(browser, "#more") == "Show 120 more"
        browser.click("#more")
        assert browser.run("document.querySelector('#grid').children.length") == 360
        assert browser.run("document.querySelector('#more').hidden")
        focused = (
            "document.querySelector('#grid li:nth-child(241) button') === document.activeElement"
        )
        assert browser.run(focused)
        assert browser.run(
            "[...document.querySelectorAll('#grid img')].every((i) => i.loading === 'lazy')"
        )


@pytest.mark.parametrize(
    ("order", "figure", "sign"),
    [("best", "iou", -1), ("worst", "iou", 1), ("ignored", "ignored", -1)],
)
def test_the_list_is_ordered_by_a_figure(browser, order, figure, sign):
    browser.choose("#filters [name=split]", "train")
    browser.choose("#filters [name=order]", order)

    listed = browser.run(
        "(() => { const { images } = JSON.parse(document.querySelector('#gallery').textContent);"
        "return [...document.querySelectorAll('#grid button')].map((b) =>"
        f"images.find((i) => b.ariaLabel.startsWith(`Image ${{i.id}},`)).{figure}); }})()"
    )
    assert len(set(listed)) > 1
    assert listed == sorted(listed, key=lambda value: sign * value)


def test_a_phone_shows_the_page_without_scrolling_sideways(page, tmp_path):
    with opened(page, tmp_path / "profile", width=390, height=844) as browser:
        assert browser.run("document.documentElement.scrollWidth") == 390
        open_image(browser, 1)
        assert browser.run("document.querySelector('#viewer').scrollWidth") <= 390
        assert browser.run("document.querySelector('#stage').clientHeight") > 300


def test_dark_mode_is_dark(page, tmp_path):
    with opened(page, tmp_path / "profile", dark=True) as browser:
        color = browser.run("getComputedStyle(document.body).backgroundColor")
        assert color == "rgb(22, 24, 28)"


def test_every_control_has_a_name(browser):
    open_image(browser, 1)

    nameless = browser.run(
        "[...document.querySelectorAll('button, input, select, img, a')].filter((e) =>"
        "!(e.ariaLabel || e.labels?.length || e.hasAttribute('alt') || e.querySelector('img[alt]')"
        " || (!e.matches('select') && e.textContent.trim())))"
        ".map((e) => e.outerHTML)"
    )
    assert nameless == []
