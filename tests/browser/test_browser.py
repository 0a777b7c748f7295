"""The report's page in a real browser: it is seen, filtered, walked through and asked."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auxseg.config import ReportOptions
from auxseg.runtime import Runtime
from auxseg.stages import report
from tests.browser.chromium import Chromium, find_chromium
from tests.unit.one_round import make_round, score

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("AUXSEG_BROWSER") != "1", reason="starts Chromium: make test-browser"
    ),
]
TRAIN, VAL = 12, 6


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one round on generated scenes, scored."""
    folder = tmp_path_factory.mktemp("runs") / "scenes"
    folder.mkdir()
    make_round(tiny_run, folder)
    for number in (0, 1):
        score(folder, number)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> Path:
    path = run / "report/index.html"
    report.run(
        ReportOptions(title="Scenes", affinities=2, panels=1),
        folder=run,
        rounds=1,
        labelled_rounds=2,
        page=path,
        runtime=Runtime(2),
    )
    return path


@pytest.fixture
def browser(page: Path, tmp_path: Path) -> Iterator[Chromium]:
    """The page, just opened."""
    with opened(page, tmp_path / "profile") as found:
        yield found


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


def step(browser: Chromium) -> str:
    return browser.run("document.querySelector('#step-name').value")


def compared(browser: Chromium) -> str:
    return browser.run("document.querySelector('#viewer [name=other]').selectedOptions[0].text")


def place(browser: Chromium) -> list[float]:
    """Where the picture's left upper corner is, in pixels from its place when all of it is seen."""
    moved = browser.run("document.querySelector('#picture').style.transform")
    return [float(pixels) for pixels in re.findall(r"(-?[\d.]+)px", moved)]


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


def test_the_slider_walks_through_the_steps_of_the_method(browser):
    open_image(browser, 1)
    steps = ["Saliency", "CAM", "Labels, round 0", "Labels, round 1", "True mask"]
    assert texts(browser, "#steps button") == steps
    assert step(browser) == "Labels, round 1"

    sources = set()
    for number, name in enumerate(steps):
        browser.choose("#viewer [name=step]", str(number))
        assert step(browser) == name
        sources.add(browser.run("document.querySelector('#layer').src"))
    assert len(sources) == len(steps)

    browser.click("#steps button:nth-child(2)")
    assert step(browser) == "CAM"


def test_keys_walk_through_steps_and_images_hide_zoom_and_close(browser):
    open_image(browser, 1)
    first = text(browser, "#viewer-title")

    browser.press("ArrowLeft")
    assert step(browser) == "Labels, round 0"
    browser.press("ArrowDown")
    assert text(browser, "#viewer-title") != first
    assert step(browser) == "Labels, round 0"
    browser.press("ArrowUp")
    assert text(browser, "#viewer-title") == first
    browser.press(" ")
    assert browser.run("document.querySelector('#layer').hidden")
    browser.press(" ")
    assert not browser.run("document.querySelector('#layer').hidden")
    browser.press("+")
    assert "scale(1.25)" in browser.run("document.querySelector('#picture').style.transform")
    browser.press("0")
    assert "scale(1)" in browser.run("document.querySelector('#picture').style.transform")
    browser.press("Escape")
    browser.wait_for("!document.querySelector('#viewer').open")


@pytest.mark.parametrize("held", ["Control", "Alt", "Meta"])
def test_shortcuts_of_the_browser_are_left_to_it(browser, held):
    open_image(browser, 1)
    before = step(browser)

    taken = [browser.press(key, modifiers=[held]) for key in ("ArrowLeft", "+", "0", " ")]

    assert taken == [False] * 4
    assert step(browser) == before
    assert "scale(1)" in browser.run("document.querySelector('#picture').style.transform")
    assert not browser.run("document.querySelector('#layer').hidden")
    assert browser.press("ArrowLeft")


def test_a_chosen_step_and_comparison_stay_wherever_an_image_has_them(browser):
    open_image(browser, 1)
    browser.click("#steps button:nth-child(2)")
    browser.choose("#viewer [name=other]", "0")
    assert step(browser) == "CAM | Saliency"

    browser.press("ArrowDown")
    assert step(browser) == "CAM | Saliency"
    assert compared(browser) == "Saliency"

    browser.press("Escape")
    open_image(browser, 1, "val")
    assert step(browser) == "Prediction, round 0"
    assert compared(browser) == "nothing"
    assert browser.run("document.querySelector('#other').hidden")

    browser.press("Escape")
    open_image(browser, 3)
    assert step(browser) == "CAM | Saliency"
    browser.choose("#viewer [name=other]", "")
    browser.press("ArrowDown")
    assert step(browser) == "CAM"


def test_hidden_layers_stay_hidden_and_a_control_says_so(browser):
    open_image(browser, 1)
    browser.choose("#viewer [name=other]", "4")
    browser.press(" ")
    for _ in range(2):
        assert not browser.run("document.querySelector('#viewer [name=layers]').checked")
        hidden = (
            "['layer', 'other', 'meeting', 'swipe'].map((id) => document.getElementById(id).hidden)"
        )
        assert browser.run(hidden) == [True] * 4
        browser.press("ArrowDown")

    browser.click("#viewer [name=layers]")
    assert browser.run(hidden) == [False] * 4


@pytest.mark.parametrize("touch", [False, True])
def test_a_zoomed_picture_is_dragged_by_mouse_and_touch(browser, touch):
    open_image(browser, 1)
    for _ in range(4):
        browser.press("+")
    before = place(browser)

    browser.drag("#stage", (-40, -60), touch=touch)

    assert [now - then for now, then in zip(place(browser), before, strict=True)] == [-40, -60]
    assert browser.run("document.querySelector('#heat').hidden")


def test_opacity_photograph_and_a_second_layer_are_at_hand(browser):
    open_image(browser, 1)

    browser.choose("#viewer [name=opacity]", "20")
    assert browser.run("document.querySelector('#layer').style.opacity") == "0.2"
    browser.click("#viewer [name=photo]")
    assert browser.run("document.querySelector('#photo').style.opacity") == "0"

    browser.choose("#viewer [name=other]", "4")
    assert step(browser) == "Labels, round 1 | True mask"
    browser.choose("#swipe", "250")
    assert (
        browser.run("document.querySelector('#layer').style.clipPath") == "inset(0px 75% 0px 0px)"
    )
    assert (
        browser.run("document.querySelector('#other').style.clipPath") == "inset(0px 0px 0px 25%)"
    )


def test_a_click_shows_what_the_network_averages_with_that_point(browser):
    open_image(browser, 1)

    browser.click("#picture", 0.25, 0.75)
    browser.wait_for("!document.querySelector('#heat').hidden")
    says = text(browser, "#affinity-says").replace("\xa0", " ")
    assert "the position at 25.0 % from the left, 75.0 % from the top" in says
    brightest = (
        "Math.max(...document.querySelector('#heat').getContext('2d').getImageData(0, 0,"
        "document.querySelector('#heat').width, document.querySelector('#heat').height).data"
        ".filter((_, i) => i % 4 === 3))"
    )
    browser.wait_for(f"{brightest} > 200")

    browser.press("ArrowRight", modifiers=["Shift"])
    assert text(browser, "#affinity-says").replace("\xa0", " ") != says
    browser.click("#affinity")
    assert browser.run("document.querySelector('#heat').hidden")


def test_images_without_an_affinity_have_none_to_ask_for(browser):
    asked = browser.run(
        "JSON.parse(document.querySelector('#gallery').textContent).images"
        ".filter((image) => image.split === 'train').map((image) => image.affinity !== null)"
    )
    assert asked.count(True) == 2

    open_image(browser, asked.index(False) + 1)

    assert browser.run("document.querySelector('#affinity').disabled")


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
        "!(e.ariaLabel || e.labels?.length || e.textContent.trim() || e.hasAttribute('alt')"
        " || e.querySelector('img[alt]')))"
        ".map((e) => e.outerHTML)"
    )
    assert nameless == []


def test_keys_go_on_where_the_control_that_had_the_focus_is_gone(browser):
    open_image(browser, 1)
    title = text(browser, "#viewer-title")
    browser.click("#steps button:nth-child(2)")

    browser.press("ArrowDown")
    second = text(browser, "#viewer-title")
    browser.press("ArrowDown")

    assert len({title, second, text(browser, "#viewer-title")}) == 3
    browser.click("#viewer [name=layers]")
    browser.press("ArrowUp")
    assert text(browser, "#viewer-title") == second
