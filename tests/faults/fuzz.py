"""Damaged files against every reader: `python -m tests.faults.fuzz FOLDER SEED FIRST COUNT`.

Each input is a whole file with random bytes changed, cut, doubled or moved; which one it is depends
on the seed and its number alone. A line says what came of it: `NUMBER READER OUTCOME`, where the
outcome is read, refused (by our own error), or the name of any other exception with its traceback
on stderr. The last line is the peak memory in megabytes.
"""

import json
import random
import resource
import sys
import traceback
from collections.abc import Callable
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

Reader = Callable[[Path], object]


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
    read_cam(path, Entry("a", "train", Path("a.jpg"), 8, 8, np.array([True]), None), ("cat",))


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


def make_corpus(root: Path) -> list[tuple[str, Path, Reader]]:
    """A whole file for every reader: (name, path, reader)."""
    draws = np.random.default_rng(0)
    photo = draws.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    mask = draws.integers(0, 3, (24, 32), dtype=np.uint8)
    found: list[tuple[str, Path, Reader]] = []

    def add(name: str, file: str, write: Callable[[Path], object], read: Reader) -> None:
        path = root / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        found.append((name, path, read))

    for suffix in ("jpg", "png", "tif", "webp", "bmp"):
        add(f"photo-{suffix}", f"a.{suffix}", Image.fromarray(photo).save, read_image)
    add("size", "a.jpg", Image.fromarray(photo).save, image_size)
    add("palette", "a.png", Image.fromarray(mask).convert("P").save, read_mask)
    deep = Image.fromarray(mask.astype(np.uint16) * 9999)
    add("saliency", "a.png", deep.save, read_saliency)
    add("npy", "a.npy", lambda p: np.save(p, np.ones((1, 8, 8), np.float32)), read_cam_of_a_cat)
    add("artifact", "a.h5", write_artifact, read_artifact)
    entry = Entry("a", "train", Path("/a.jpg"), 8, 8, np.array([True]), None, "0" * 64)
    index = Index(("cat",), ((0, 0, 0), (9, 9, 9)), (entry,))
    add("index", "index.h5", lambda p: write_index(p, Header("index"), index), read_index)
    about = {
        "kind": "classifier",
        "classes": ["cat"],
        "model": {
            "backbone": "test_efficientnet",
            "output_stride": 16,
            "freeze_batch_norm": True,
        },
    }
    network = Classifier(build_backbone("test_efficientnet"), 1)
    add("weights", "w.safetensors", lambda p: save_weights(p, network, about), load_classifier)
    network_about = {
        **about,
        "kind": "network",
        "palette": [[0, 0, 0], [9, 9, 9]],
        "longest_side": 64,
        "inputs": {"index": "0" * 64},
    }
    add(
        *("description", "about.json", lambda p: p.write_text(json.dumps(network_about))),
        read_weights_that_say,
    )
    state = {"state_dict": {"x": torch.ones(3), "y": torch.zeros(2, 2)}}
    add("pth", "w.pth", lambda p: torch.save(state, p), read_state)
    checkpoint = Checkpoint("x", {"model": state["state_dict"]}, [{"loss": 1.0}])
    add(
        *("checkpoint", "c.pt", lambda p: save_checkpoint(p, checkpoint)),
        read_checkpoint,
    )
    table = "image,labels,split\na.jpg,cat;dog,train\nb.jpg,dog,val\n"
    add(
        *("csv", "labels.csv", lambda p: p.write_text(table)),
        lambda p: folder.load(FolderOptions(root=str(p.parent))),
    )
    (root / "csv/images").mkdir()
    for name in "ab":
        Image.fromarray(photo).save(root / f"csv/images/{name}.jpg")
    add("json", "a.json", lambda p: p.write_text(json.dumps(instances())), read_coco)
    things = "".join(f"<object><name>{name}</name></object>" for name in ("cat", "dog"))
    text = f"<annotation>{things}</annotation>"
    add("xml", "Annotations/a.xml", lambda p: p.write_text(text), read_voc)
    beside = {"Annotations/b.xml": text, "JPEGImages/a.jpg": "", "JPEGImages/b.jpg": ""}
    lists = {f"ImageSets/Segmentation/{n}.txt": i for n, i in (("train", "a\n"), ("val", "b\n"))}
    for name, content in {**beside, **lists}.items():
        (root / "xml" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "xml" / name).write_text(content)
    options = "{epochs: 3, crop_size: 64, flip: false, model: {backbone: x, output_stride: 8}}"
    add(
        *("yaml", "o.yaml", lambda p: p.write_text(options)),
        lambda p: parse_stage_options("train", str(p)),
    )
    return found


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


def damaged(content: bytes, draws: random.Random) -> bytes:
    """The content with one to four random changes."""
    changed = bytearray(content)
    for _ in range(draws.randint(1, 4)):
        place = draws.randrange(len(changed)) if changed else 0
        length = min(draws.choice([1, 1, 2, 4, 8, 64]), len(changed) - place)
        kind = draws.randrange(7)
        if kind == 0 and changed:
            changed[place] ^= 1 << draws.randrange(8)
        elif kind == 1:
            changed[place : place + length] = draws.randbytes(length)
        elif kind == 2:
            changed[place : place + length] = draws.choice([b"\xff", b"\0"]) * length
        elif kind == 3:
            del changed[place:]
        elif kind == 4:
            del changed[place : place + length]
        elif kind == 5:
            changed[place:place] = changed[place : place + length] * draws.randint(1, 50)
        else:
            numbers = [b"-1", b"99999999999", b"1e308", b"NaN", b"null", b"{}", b"[", b'"']
            changed[place : place + length] = draws.choice(numbers)
    return bytes(changed)


def main(root: Path, seed: int, first: int, count: int) -> None:
    """Read `count` inputs from number `first` on."""
    corpus = make_corpus(root)
    whole = [path.read_bytes() for _, path, _ in corpus]
    for number in range(first, first + count):
        name, path, read = corpus[number % len(corpus)]
        print(number, name, end=" ", flush=True)
        path.write_bytes(damaged(whole[number % len(corpus)], random.Random(f"{seed} {number}")))
        try:
            read(path)
        except UserError:
            outcome = "refused"
        except Exception as error:
            outcome = type(error).__name__
            traceback.print_exc()
        else:
            outcome = "read"
        print(outcome, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
