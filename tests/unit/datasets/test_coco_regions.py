"""Regions of COCO's instances, outlined or packed: drawn, or refused by their number."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_masks

from auxseg.errors import UserError
from tests.unit.datasets.coco_files import DOG, box, load, write_example, write_split


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_example(tmp_path)


def test_an_instance_that_cannot_be_drawn_is_named(root):
    broken = {"category_id": DOG, "iscrowd": 0, "segmentation": [[1, 2]]}
    write_split(root, "val2014", {"c.jpg": [broken]})

    with pytest.raises(UserError, match="annotation 1 of image 100: its segmentation cannot"):
        load(root).records[-1].mask()


def test_a_packed_region_of_another_size_is_named(root):
    packed = coco_masks.encode(np.zeros((6, 4), np.uint8, order="F"))
    region = {"counts": packed["counts"].decode(), "size": [6, 4]}
    other = {"category_id": DOG, "iscrowd": 0, "segmentation": region}
    write_split(root, "val2014", {"c.jpg": [other]})

    with pytest.raises(UserError, match=r"annotation 1 .* \(its size is \(6, 4\), height and"):
        load(root).records[-1].mask()


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_packed_region_that_ends_early_is_named(root, cut):
    outside = np.random.default_rng(0).integers(0, 2, (4, 6), dtype=np.uint8)
    packed = coco_masks.encode(np.asfortranarray(outside))
    region = {"counts": packed["counts"].decode()[:-cut], "size": [4, 6]}
    short = {"category_id": DOG, "iscrowd": 0, "segmentation": region}
    write_split(root, "val2014", {"c.jpg": [short]})

    with pytest.raises(UserError, match=r"annotation 1 .* \(runs that do not fill the image\)"):
        load(root).records[-1].mask()


@pytest.mark.parametrize("seed", range(5))
def test_a_packed_region_is_drawn(root, seed):
    shape = (4, 6) if seed < 4 else (400, 600)
    inside = np.random.default_rng(seed).random(shape) < (0.5, 0.01, 0.99, 0, 0.001)[seed]
    packed = coco_masks.encode(np.asfortranarray(inside.astype(np.uint8)))
    region = {"counts": packed["counts"].decode(), "size": list(shape)}
    write_split(root, "val2014", {"c.jpg": [{**box(DOG, 0, 0, 1, 1), "segmentation": region}]})
    file = root / "annotations/instances_val2014.json"
    written = json.loads(file.read_text())
    written["images"][0] |= {"height": shape[0], "width": shape[1]}
    file.write_text(json.dumps(written))

    dog = load(root).classes.index("dog") + 1
    assert np.array_equal(load(root).records[-1].mask() == dog, inside)
