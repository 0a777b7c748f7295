from pathlib import Path

import numpy as np
import pytest

from auxseg.config import ShapesOptions
from auxseg.datasets import shapes, shapes_scene
from auxseg.datasets.shapes_animal import CLASSES, paint_animal
from auxseg.datasets.shapes_scene import draw_scene
from auxseg.errors import UserError
from auxseg.images import read_image, read_saliency

SMALL = {"min_size": 48, "max_size": 64}


def options(root: Path, **values) -> ShapesOptions:
    return ShapesOptions(**{"root": str(root), "train": 3, "val": 2, **SMALL, **values})


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_same_options_give_the_same_files_wherever_they_lie(tmp_path):
    first = shapes.generate(options(tmp_path / "a"))
    second = shapes.generate(options(tmp_path / "b"))

    assert first.name == second.name
    assert contents(first) == contents(second)
    assert len(contents(first)) == 3 * 5 + 1


def test_a_larger_data_set_begins_with_the_smaller_one(tmp_path):
    few = contents(shapes.generate(options(tmp_path)))
    many = contents(shapes.generate(options(tmp_path, train=4)))

    few.pop("labels.csv")
    assert few.items() <= many.items()


def test_another_seed_gives_other_scenes_in_a_folder_of_their_own(tmp_path):
    first = shapes.generate(options(tmp_path))
    second = shapes.generate(options(tmp_path, seed=1))

    assert first != second
    assert contents(first)["images/train-0000.jpg"] != contents(second)["images/train-0000.jpg"]


def test_evaluation_scenes_are_not_those_of_training(tmp_path):
    files = contents(shapes.generate(options(tmp_path, min_size=48, max_size=48)))

    assert files["images/train-0000.jpg"] != files["images/val-0000.jpg"]


def test_image_sides_reach_both_bounds(tmp_path):
    folder = shapes.generate(options(tmp_path, train=8, min_size=40, max_size=41))

    shapes_of = [read_saliency(path).shape for path in (folder / "saliency").iterdir()]
    assert {side for shape in shapes_of for side in shape} == {40, 41}


def test_a_data_set_that_another_process_completed_meanwhile_is_used(tmp_path, monkeypatch):
    def overtaken(*arguments):
        monkeypatch.setattr(shapes, "draw_scene", draw_scene)
        (shapes.generate(options(tmp_path)) / "theirs").touch()
        return draw_scene(*arguments)

    monkeypatch.setattr(shapes, "draw_scene", overtaken)
    folder = shapes.generate(options(tmp_path))

    assert (folder / "theirs").exists()
    assert list(tmp_path.iterdir()) == [folder]


def test_a_complete_data_set_is_used_again(tmp_path, monkeypatch):
    folder = shapes.generate(options(tmp_path))
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    monkeypatch.setattr(shapes, "draw_scene", None)

    assert shapes.generate(options(tmp_path)) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == written


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    drawn = []

    def interrupted(*arguments):
        drawn.append(arguments)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return draw_scene(*arguments)

    monkeypatch.setattr(shapes, "draw_scene", interrupted)
    with pytest.raises(KeyboardInterrupt):
        shapes.generate(options(tmp_path))

    assert list(tmp_path.iterdir()) == []


def test_a_root_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "data").write_text("in the way")

    with pytest.raises(UserError, match=r"cannot be written .*index\.shapes\.root"):
        shapes.generate(options(tmp_path / "data"))


def test_records_hold_labels_that_their_masks_show(tiny_options):
    data = shapes.load(tiny_options.shapes)

    assert data.faults == ()
    assert data.classes == CLASSES
    assert [sum(r.split == s for r in data.records) for s in ("train", "val")] == [12, 6]
    for record in data.records:
        mask = record.mask()
        height, width = mask.shape
        assert 48 <= height <= 64
        assert 48 <= width <= 64
        assert read_image(record.image).shape == (height, width, 3)
        assert read_saliency(record.saliency).shape == (height, width)
        assert set(np.unique(mask).tolist()) - {0, 255} == {k + 1 for k in record.labels}


def test_every_class_is_drawn_equally_often(tiny_options):
    train = [r for r in shapes.load(tiny_options.shapes).records if r.split == "train"]

    counts = [sum(k in record.labels for record in train) for k in range(len(CLASSES))]
    assert min(counts) >= len(train) // len(CLASSES)


def test_a_scene_shows_one_to_three_animals(monkeypatch):
    painted = []
    monkeypatch.setattr(
        shapes_scene,
        "paint_animal",
        lambda kind, *others: painted.append(kind) or paint_animal(kind, *others),
    )
    numbers = set()
    for seed in range(12):
        painted.clear()
        scene = draw_scene(64, 64, seed % 6, np.random.default_rng(seed))
        numbers.add(len(painted))
        assert painted[0] == seed % 6
        assert set(scene.labels) <= set(painted)

    assert numbers == {1, 2, 3}


def test_outlines_are_ignored_on_a_border_one_pixel_wide():
    scene = draw_scene(64, 64, 0, np.random.default_rng([0, 0, 0]))

    mask = scene.mask.astype(int)
    touching = (mask[1:] != 0) & (mask[1:] != 255) & (mask[:-1] == 0)
    assert not touching.any()
    assert 0.01 < (mask == 255).mean() < 0.2


@pytest.mark.slow
def test_saliency_maps_are_useful_but_flawed():
    overlaps = []
    for number in range(60):
        scene = draw_scene(96, 96, number % 6, np.random.default_rng([0, 0, number]))
        known = scene.mask != 255
        foreground, salient = scene.mask > 0, scene.saliency > 127
        both = (foreground & salient & known).sum()
        overlaps.append(both / ((foreground | salient) & known).sum())

    assert 0.66 < np.mean(overlaps) < 0.78
    assert 0.05 < np.mean(np.array(overlaps) < 0.5) < 0.3


def test_a_scene_narrower_than_its_animals_is_drawn_all_the_same():
    for number in range(12):
        scene = draw_scene(160, 64, number % len(CLASSES), np.random.default_rng(number))

        assert scene.image.shape == (160, 64, 3)
        assert (scene.mask == number % len(CLASSES) + 1).any()
