"""The report's viewer in a real browser: an image is walked through, compared and asked."""

import re

import pytest

from tests.browser.chromium import Chromium
from tests.browser.report_page import needs_chromium, open_image, text, texts

pytestmark = needs_chromium


def step(browser: Chromium) -> str:
    return browser.run("document.querySelector('#step-name').value")


def compared(browser: Chromium) -> str:
    return browser.run("document.querySelector('#viewer [name=other]').selectedOptions[0].text")


def place(browser: Chromium) -> list[float]:
    """Where the picture's left upper corner is, in pixels from its place when all of it is seen."""
    moved = browser.run("document.querySelector('#picture').style.transform")
    return [float(pixels) for pixels in re.findall(r"(-?[\d.]+)px", moved)]


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
