"""The archives of VOC 2012, SBD and COCO 2014 as their makers lay them out, but small."""

import io
import json
import tarfile
import zipfile

import numpy as np
from PIL import Image
from scipy.io import savemat

from auxseg.datasets.palette import index_picture

VOC_NAME, SBD_NAME = "VOCtrainval_11-May-2012.tar", "benchmark.tgz"
CAT, DOG = 8, 12
ROOT = "VOCdevkit/VOC2012"
SBD = "benchmark_RELEASE/dataset"
VOC_MASKS = {"2007_01": [[CAT, 255]], "2007_02": [[0, DOG]], "2007_03": [[CAT, CAT]]}
SBD_MASKS = {
    "2007_01": [[DOG, DOG]],  # VOC's own is better
    "2007_03": [[DOG, DOG]],  # validates in VOC
    "2008_04": [[0, CAT]],
    "2008_05": [[DOG, 0]],
}


def tar_of(files: dict[str, bytes], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def picture(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def voc_archive() -> bytes:
    """Photographs of all, lists and masks of three, and what is not needed."""
    files = {
        f"{ROOT}/ImageSets/Segmentation/train.txt": b"2007_01\n2007_02\n",
        f"{ROOT}/ImageSets/Segmentation/val.txt": b"2007_03\n",
        f"{ROOT}/ImageSets/Main/cat_train.txt": b"2007_01 1\n",
        f"{ROOT}/SegmentationObject/2007_01.png": b"not needed",
    }
    for name in VOC_MASKS | SBD_MASKS:
        files[f"{ROOT}/JPEGImages/{name}.jpg"] = picture(Image.new("RGB", (2, 1)), "JPEG")
        xml = "<annotation><object><name>cat</name></object></annotation>"
        files[f"{ROOT}/Annotations/{name}.xml"] = xml.encode()
    for name, mask in VOC_MASKS.items():
        image = index_picture(np.array(mask, np.uint8))
        files[f"{ROOT}/SegmentationClass/{name}.png"] = picture(image, "PNG")
    return tar_of(files, "w")


def mat(mask: object) -> bytes:
    """A .mat of SBD: a struct with the mask and more."""
    buffer = io.BytesIO()
    content = {"Segmentation": mask, "CategoriesPresent": [1, 2], "Boundaries": np.zeros((2, 2))}
    savemat(buffer, {"GTcls": content, "other": 1}, do_compression=True)
    return buffer.getvalue()


def sbd_archive(**changed: object) -> bytes:
    masks = {name: np.array(mask, np.uint8) for name, mask in SBD_MASKS.items()} | changed
    files = {f"{SBD}/cls/{name}.mat": mat(mask) for name, mask in masks.items()}
    files[f"{SBD}/img/2008_04.jpg"] = b"not needed"
    files[f"{SBD}/train.txt"] = b"2008_05\n2007_01\n"
    files[f"{SBD}/val.txt"] = b"2007_03\n2008_04\n"
    return tar_of(files, "w:gz")


def coco_archives() -> dict[str, bytes]:
    annotations = {}
    for split, number in (("train", 1), ("val", 2)):
        image = {"id": number, "file_name": f"COCO_{split}2014_{number}.jpg", "height": 4}
        found = {"id": 1, "image_id": number, "category_id": 3, "iscrowd": 0, "area": 4}
        content = {
            "images": [image | {"width": 4}],
            "annotations": [found | {"segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]}],
            "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}],
        }
        annotations[f"annotations/instances_{split}2014.json"] = json.dumps(content).encode()
        annotations[f"annotations/captions_{split}2014.json"] = b"not needed"
    photo = picture(Image.new("RGB", (4, 4)), "JPEG")
    return {
        "train2014.zip": zip_of({"train2014/": b"", "train2014/COCO_train2014_1.jpg": photo}),
        "val2014.zip": zip_of({"val2014/COCO_val2014_2.jpg": photo}),
        "annotations_trainval2014.zip": zip_of(annotations),
    }
