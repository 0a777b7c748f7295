"""Small data sets in COCO's layout."""

import json
from pathlib import Path

from PIL import Image

from auxseg.config import CocoOptions
from auxseg.datasets import coco
from auxseg.datasets.record import Dataset

CATEGORIES = [
    {"id": 1, "name": "person", "supercategory": "person"},
    {"id": 18, "name": "dog", "supercategory": "animal"},
    {"id": 90, "name": "cat", "supercategory": "animal"},
]
PERSON, DOG, CAT = 1, 18, 90


def load(root: Path, **options) -> Dataset:
    return coco.load(CocoOptions(**{"root": str(root), **options}))


def box(category: int, left: int, top: int, right: int, bottom: int) -> dict:
    """An instance that covers exactly these pixels, right and bottom excluded."""
    corners = [left, top, right, top, right, bottom, left, bottom]
    return {"category_id": category, "iscrowd": 0, "segmentation": [corners]}


def crowd(category: int, counts: list[int], size: tuple[int, int]) -> dict:
    """Run lengths down the columns, of pixels outside and inside in turn."""
    region = {"counts": counts, "size": list(size)}
    return {"category_id": category, "iscrowd": 1, "segmentation": region}


def write_split(root: Path, split: str, images: dict[str, list[dict]], **other) -> None:
    """Images of 6 x 4 pixels with their instances."""
    (root / split).mkdir(parents=True, exist_ok=True)
    (root / "annotations").mkdir(exist_ok=True)
    content = {"images": [], "annotations": [], "categories": CATEGORIES, **other}
    for number, (name, instances) in enumerate(images.items(), start=100):
        Image.new("RGB", (6, 4)).save(root / split / name)
        content["images"].append({"id": number, "file_name": name, "width": 6, "height": 4})
        for found in instances:
            identity = len(content["annotations"]) + 1
            content["annotations"].append({**found, "id": identity, "image_id": number})
    (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


def write_example(root: Path) -> Path:
    """Two splits of two images each, one of them without instances."""
    everything = [box(DOG, 1, 1, 3, 3), box(PERSON, 0, 0, 5, 3), crowd(CAT, [12, 12], (4, 6))]
    write_split(root, "train2014", {"a.jpg": everything, "b.jpg": []})
    write_split(root, "val2014", {"c.jpg": [box(CAT, 0, 0, 2, 4)], "d.jpg": []})
    return root
