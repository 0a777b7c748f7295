"""A whole file for every reader of auxseg, to be damaged by tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from auxseg.config import CocoOptions, FolderOptions, VocOptions, parse_stage_options
from auxseg.datasets import coco, folder, voc
from auxseg.datasets.index_file import Entry, Index, read_index, write_index
from auxseg.datasets.other_methods import read_cam
from auxseg.description import read_description
from auxseg.errors import UserError
from auxseg.images import image_size, read_image, read_mask, read_saliency
from auxseg.nn.backbones import build_backbone
from auxseg.nn.network import Classifier
from auxseg.nn.weights import load_classifier, read_state, save_weights
from auxseg.store import Header, MapReader, MapWriter
from auxseg.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tests.mxnet_file import first_version

Reader = Callable[[Path], object]
Case = tuple[str, str, Callable[[Path], object], Reader]
"""A reader's name, the file's below a folder of that name, what writes it whole, what reads it."""
PHOTO = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
MASK = np.random.default_rng(1).integers(0, 3, (24, 32), dtype=np.uint8)
ENTRY = Entry("a", "train", Path("/a.jpg"), 8, 8, np.array([True]), None, "0" * 64)


def make_corpus(root: Path) -> list[tuple[str, Path, Reader]]:
    """A whole file for every reader: (name, path, reader)."""
    found = []
    for name, file, write, read in (*pictures(), *artifacts(), *networks(), *texts()):
        path = root / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        found.append((name, path, read))
    return found


def pictures() -> Iterator[Case]:
    photo, mask = Image.fromarray(PHOTO), Image.fromarray(MASK)
    for suffix in ("jpg", "png", "tif", "webp", "bmp"):
        yield f"photo-{suffix}", f"a.{suffix}", photo.save, read_image
    yield "size", "a.jpg", photo.save, image_size
    yield "palette", "a.png", mask.convert("P").save, read_mask
    yield "saliency", "a.png", Image.fromarray(MASK.astype(np.uint16) * 9999).save, read_saliency


def artifacts() -> Iterator[Case]:
    index = Index(("cat",), ((0, 0, 0), (9, 9, 9)), (ENTRY,))
    yield "npy", "a.npy", lambda p: np.save(p, np.ones((1, 8, 8), np.float32)), read_cam_of_a_cat
    yield "artifact", "a.h5", write_artifact, read_artifact
    yield "index", "index.h5", lambda p: write_index(p, Header("index"), index), read_index


def networks() -> Iterator[Case]:
    model = {"backbone": "test_efficientnet", "output_stride": 16, "freeze_batch_norm": True}
    about = {"kind": "classifier", "classes": ["cat"], "model": model}
    classifier = Classifier(build_backbone("test_efficientnet"), 1)
    yield "weights", "w.safetensors", lambda p: save_weights(p, classifier, about), load_classifier

    shown = {"palette": [[0, 0, 0], [9, 9, 9]], "longest_side": 64}
    said = json.dumps({**about, **shown, "kind": "network", "inputs": {"index": "0" * 64}})
    yield "description", "about.json", lambda p: p.write_text(said), read_weights_that_say

    state = {"x": torch.ones(3), "y": torch.zeros(2, 2)}
    yield "pth", "w.pth", lambda p: torch.save({"state_dict": state}, p), read_state
    arrays = first_version({"arg:x": np.ones((2, 3)), "aux:y": np.zeros(4)})
    yield "params", "w.params", lambda p: p.write_bytes(arrays), read_state
    checkpoint = Checkpoint("x", {"model": state}, [{"loss": 1.0}])
    yield "checkpoint", "c.pt", lambda p: save_checkpoint(p, checkpoint), read_checkpoint


def texts() -> Iterator[Case]:
    yield "csv", "labels.csv", write_table, read_folder
    yield "json", "a.json", lambda p: p.write_text(json.dumps(instances())), read_coco
    yield "xml", "Annotations/a.xml", write_annotation, read_voc
    options = "{epochs: 3, crop_size: 64, flip: false, model: {backbone: x, output_stride: 8}}"
    yield "yaml", "o.yaml", lambda p: p.write_text(options), read_options


def read_artifact(path: Path) -> None:
    with MapReader(path) as maps:
        for image_id, _ in maps.items():
            maps.read_with_attributes(image_id)


def read_coco(path: Path) -> None:
    options = CocoOptions(
        root=str(path.parent),
        train_images=".",
        val_images=".",
        train_annotations=path.name,
        val_annotations=path.name,
    )
    for record in coco.load(options).records:
        if record.mask is not None:
            record.mask()


def read_voc(path: Path) -> None:
    lists = {"train_list": "train", "val_list": "val"}
    found = voc.load(VocOptions(root=str(path.parent.parent), **lists))
    if found.faults:  # which are told all at once, by stage index
        raise UserError(found.faults[0])


def read_checkpoint(path: Path) -> None:
    if load_checkpoint(path, "x") is None:  # left aside: the training begins anew
        raise UserError("no checkpoint")


def read_cam_of_a_cat(path: Path) -> None:
    read_cam(path, ENTRY, ("cat",))


def read_weights_that_say(path: Path) -> None:
    """Weights whose description is that of a file: written whole, its digest and all."""
    try:
        about = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise UserError("no JSON") from None
    weights = path.with_suffix(".safetensors")
    save_weights(weights, nn.Linear(1, 1), about)
    told = read_description(weights, "network")
    assert len(told["palette"]) == len(told["classes"]) + 1
    assert told["longest_side"] > 0
    assert isinstance(told["model"]["backbone"], str)


def read_folder(path: Path) -> None:
    folder.load(FolderOptions(root=str(path.parent)))


def read_options(path: Path) -> None:
    parse_stage_options("train", str(path))


def write_artifact(path: Path) -> None:
    draws = np.random.default_rng(1)
    with MapWriter(path, Header("cam", '{"a": 1}', {"index": "0" * 64})) as writer:
        for number in range(12):
            values = draws.integers(0, 9, (2, 8, 9)).astype(np.float16)
            writer.put(f"image {number}", values, classes=[1, 2])


def instances() -> dict:
    square = [[1.0, 1.0, 9.0, 1.0, 9.0, 9.0, 1.0, 9.0]]
    crowd = {"counts": [100, 50, 618], "size": [24, 32]}
    return {
        "images": [{"id": 7, "file_name": "a.jpg", "height": 24, "width": 32}],
        "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "iscrowd": 0, "segmentation": square},
            {"id": 2, "image_id": 7, "category_id": 3, "iscrowd": 1, "segmentation": crowd},
        ],
    }


def write_table(path: Path) -> None:
    """With the photographs that it names."""
    path.write_text("image,labels,split\na.jpg,cat;dog,train\nb.jpg,dog,val\n")
    (path.parent / "images").mkdir()
    for name in "ab":
        Image.fromarray(PHOTO).save(path.parent / f"images/{name}.jpg")


def write_annotation(path: Path) -> None:
    """With all that makes a data set of it."""
    things = "".join(f"<object><name>{name}</name></object>" for name in ("cat", "dog"))
    text = f"<annotation>{things}</annotation>"
    root = path.parents[1]
    files = {"Annotations/a.xml": text, "Annotations/b.xml": text}
    files |= {"JPEGImages/a.jpg": "", "JPEGImages/b.jpg": ""}
    files |= {f"ImageSets/Segmentation/{n}.txt": i for n, i in (("train", "a\n"), ("val", "b\n"))}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
