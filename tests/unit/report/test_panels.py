from pathlib import Path

import numpy as np
import pytest

from auxseg.datasets.index_file import Entry
from auxseg.report.palette import full_palette, hatch, overlay_classes, overlay_heat
from auxseg.report.panels import (
    TILE,
    TITLE_HEIGHT,
    Tile,
    choose,
    compose,
    file_name,
    tile_size,
)

PALETTE = ((0, 0, 0), (128, 0, 0), (0, 200, 40))


def entry(image_id: str, *classes: int) -> Entry:
    labels = np.isin(np.arange(2), classes)
    return Entry(image_id, "train", Path(f"{image_id}.jpg"), 10, 10, labels, None)


def test_class_pixels_are_three_quarters_palette_and_one_quarter_photo():
    photo = np.full((2, 2, 3), 100, dtype=np.uint8)
    picture = overlay_classes(photo, np.array([[1, 2], [0, 1]], dtype=np.uint8), PALETTE)
    assert picture[0, 0].tolist() == [121, 25, 25]
    assert picture[0, 1].tolist() == [25, 175, 55]


def test_background_keeps_the_photos_colours_a_third_faded_to_white():
    photo = np.full((1, 1, 3), (200, 100, 0), dtype=np.uint8)
    picture = overlay_classes(photo, np.zeros((1, 1), dtype=np.uint8), PALETTE)
    assert picture[0, 0].tolist() == [219, 154, 89]


def test_ignored_pixels_are_hatched_in_grey_whatever_the_palette():
    photo = np.zeros((8, 8, 3), dtype=np.uint8)
    picture = overlay_classes(photo, np.full((8, 8), 255, dtype=np.uint8), PALETTE)
    assert picture[0, 0].tolist() == [191, 191, 191]
    assert picture[0, 5].tolist() == [112, 112, 112]
    assert np.unique(hatch(8, 8)).tolist() == [150, 255]


def test_classes_beyond_the_palette_have_voc_colours_and_ignored_vocs_cream():
    colors = full_palette(PALETTE)
    assert colors[2].tolist() == [0, 200, 40]
    assert colors[15].tolist() == [192, 128, 128]
    assert colors[255].tolist() == [224, 224, 192]


def test_hot_pixels_hide_more_of_the_photo_than_cold_ones():
    heat = np.array([[0.0, 1.0]])
    on_black = overlay_heat(np.zeros((1, 2, 3), dtype=np.uint8), heat).astype(int)
    on_white = overlay_heat(np.full((1, 2, 3), 255, dtype=np.uint8), heat).astype(int)
    shines_through = (on_white - on_black).max(axis=2)[0]
    assert shines_through.tolist() == pytest.approx([0.55 * 255, 0.15 * 255], abs=1)


def test_images_are_fitted_into_a_square_tile():
    assert tile_size(100, 200) == (TILE // 2, TILE)
    assert tile_size(400, 100) == (TILE, TILE // 4)
    assert tile_size(1, 5000) == (1, TILE)


def test_tiles_stand_pixel_for_pixel_side_by_side_below_their_titles():
    tiles = [
        Tile("one", np.full((100, TILE, 3), (10, 20, 30), dtype=np.uint8)),
        Tile("two", np.full((100, TILE, 3), (40, 50, 60), dtype=np.uint8)),
    ]
    panel = compose(tiles, {0}, ("cat", "dog"), PALETTE)
    assert panel.getpixel((0, TITLE_HEIGHT)) == (10, 20, 30)
    assert panel.getpixel((TILE - 1, TITLE_HEIGHT + 99)) == (10, 20, 30)
    assert panel.getpixel((TILE, TITLE_HEIGHT)) == (255, 255, 255)
    assert panel.getpixel((panel.width - 1, TITLE_HEIGHT)) == (40, 50, 60)


def test_the_legend_shows_the_colours_of_the_present_classes_only():
    tiles = [Tile("Image", np.full((100, TILE, 3), 9, dtype=np.uint8))] * 3
    panel = np.asarray(compose(tiles, {0, 2}, ("cat", "dog"), PALETTE))
    colors = {tuple(color) for color in panel[TITLE_HEIGHT + 100 :].reshape(-1, 3).tolist()}
    assert (0, 200, 40) in colors
    assert (128, 0, 0) not in colors


def test_a_legend_too_long_for_the_panel_continues_on_another_line():
    tile = Tile("Image", np.zeros((100, TILE, 3), dtype=np.uint8))
    short = compose([tile], {1}, ("cat", "dog"), PALETTE)
    long = compose([tile], {1, 2}, ("a name that fills a line", "dog"), PALETTE)
    assert long.width == short.width
    assert long.height > short.height


def test_more_than_ten_tiles_wrap_evenly():
    tile = Tile("Image", np.zeros((100, TILE, 3), dtype=np.uint8))
    ten = compose([tile] * 10, {0}, (), PALETTE)
    twelve = compose([tile] * 12, {0}, (), PALETTE)
    six = compose([tile] * 6, {0}, (), PALETTE)
    assert twelve.width == six.width
    assert twelve.height > ten.height


def test_chosen_images_show_every_class_before_any_class_twice():
    entries = [entry("a", 0), entry("b", 0), entry("c", 0), entry("d", 1)]
    assert [e.id for e in choose(entries, 2)] == ["a", "d"]
    assert [e.id for e in choose(entries, 3)] == ["a", "b", "d"]


def test_choosing_more_images_than_there_are_takes_each_once():
    entries = [entry("a", 0, 1), entry("b"), entry("c", 1)]
    assert [e.id for e in choose(entries, 8)] == ["a", "b", "c"]


def test_choosing_none_or_from_none_gives_none():
    assert choose([entry("a", 0)], 0) == []
    assert choose([], 3) == []


def test_file_names_bear_any_id_and_stay_apart():
    first, second = (file_name(entry(i, 0), n) for n, i in enumerate(["a b/ü?.x", "a b/ö?.x"], 1))
    assert first == "train-01-a_b_.x.png"
    assert first != second
