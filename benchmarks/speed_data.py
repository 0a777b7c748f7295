"""Photographs of VOC's size, and all that the benchmark of speed needs of them."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from auxseg.config import IndexOptions
from auxseg.datasets.index_file import Entry, Index, write_index
from auxseg.datasets.palette import index_picture, voc_palette
from auxseg.datasets.shapes import generate
from auxseg.images import read_image
from auxseg.nn import build_network
from auxseg.nn.weights import save_weights
from auxseg.store import Header, MapWriter

SIZE = (375, 500)  # height and width of most of VOC's photographs
CLASSES = 20
IMAGES = 4
REPEATED = 4  # as many images, and this many times as many, tell the start of processes apart


@dataclass(frozen=True)
class Data:
    """Photographs of VOC's size with made-up masks, saliency, and probabilities of 21 labels."""

    folder: Path
    index: Index
    files: list[Path]
    label_files: list[Path]
    saliency_files: list[Path]
    images: list[np.ndarray]
    masks: list[np.ndarray]
    saliencies: list[np.ndarray]
    probabilities: list[np.ndarray]
    labels: Path
    saliency: Path
    network: torch.nn.Module

    @classmethod
    def make(cls, folder: Path, photographs: Path | None) -> "Data":
        """Write photographs, labels, saliency, an index and a network into a folder."""
        sources = sorted(photographs.glob("*.jpg")) if photographs else scenes(folder)
        sources = sources[:: max(1, len(sources) // IMAGES)][:IMAGES]
        images, files = [], []
        for number, source in enumerate(sources):
            image = cv2.resize(read_image(source), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
            files.append(folder / f"{number:02d}.jpg")
            Image.fromarray(image).save(files[-1], quality=90)
            images.append(read_image(files[-1]))
        probabilities = [likely(number) for number in range(IMAGES)]
        masks = [p.argmax(axis=0).astype(np.uint8) for p in probabilities]
        label_files = [file.with_suffix(".png") for file in files]
        saliency_files = [file.with_name(f"{file.stem}-saliency.png") for file in files]
        saliencies = [np.where(mask > 0, 255, 0).astype(np.uint8) for mask in masks]
        for mask, file, saliency, other in zip(
            masks, label_files, saliencies, saliency_files, strict=True
        ):
            mask[:9] = 255
            index_picture(mask).save(file)
            Image.fromarray(saliency).save(other)
        index = write_data(folder, files, masks)
        ids = [entry.id for entry in index.entries]
        paths = {"labels": masks, "saliency": saliencies}
        for kind, maps in paths.items():
            with MapWriter(folder / f"{kind}.h5", Header(kind, "{}", {})) as writer:
                for image_id, values in zip(ids, maps * REPEATED, strict=True):
                    writer.put(image_id, values)
        return cls(
            folder,
            index,
            files,
            label_files,
            saliency_files,
            images,
            masks,
            saliencies,
            probabilities,
            folder / "labels.h5",
            folder / "saliency.h5",
            write_network(folder / "weights.safetensors"),
        )


def likely(seed: int) -> np.ndarray:
    """(21, H, W) float32 probabilities as a network's: three labels matter, the others hardly."""
    draw = np.random.default_rng(seed)
    coarse = draw.normal(-6, 0.5, (CLASSES + 1, 8, 10)).astype(np.float32)
    for label in (0, *draw.choice(np.arange(1, CLASSES + 1), 2, replace=False)):
        coarse[label] = draw.normal(1, 2, (8, 10))
    logits = np.stack([cv2.resize(p, SIZE[::-1], interpolation=cv2.INTER_CUBIC) for p in coarse])
    exponents = np.exp(logits - logits.max(axis=0))
    return (exponents / exponents.sum(axis=0)).astype(np.float32)


def scenes(folder: Path) -> list[Path]:
    """Generated photographs."""
    options = IndexOptions.model_validate(
        {"shapes": {"root": str(folder), "train": IMAGES, "val": 1}}
    )
    return sorted((generate(options.shapes) / "images").glob("train*"))


def write_data(folder: Path, files: list[Path], masks: list[np.ndarray]) -> Index:
    """An index of the photographs, each several times, with the classes of their masks."""
    entries = [
        Entry(
            f"{file.stem}-{number}",
            "train",
            file,
            *SIZE,
            np.isin(np.arange(1, CLASSES + 1), mask),
            None,
        )
        for number in range(REPEATED)
        for file, mask in zip(files, masks, strict=True)
    ]
    names = tuple(f"class {k}" for k in range(1, CLASSES + 1))
    index = Index(names, voc_palette(CLASSES + 1), tuple(entries))
    write_index(folder / "index.h5", Header("index", "{}", {}), index)
    return index


def write_network(path: Path) -> torch.nn.Module:
    """A network with random weights."""
    torch.manual_seed(0)
    model = {"backbone": "tf_efficientnet_lite0"}
    network = build_network(num_classes=CLASSES, **model).eval()
    names = [f"class {k}" for k in range(1, CLASSES + 1)]
    description = {
        "kind": "network",
        "classes": names,
        "palette": voc_palette(CLASSES + 1),
        "longest_side": max(SIZE),
        "model": model,
    }
    save_weights(path, network, description)
    return network
