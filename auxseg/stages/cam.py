"""Multi-scale, mirrored class activation maps of each training image's own classes.

Reads:  index.h5, classifier/weights.safetensors and the training images.
Writes: cam.h5: (K, H/4, W/4) float16 in [0, 1] an image, its K classes in attribute "classes".
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from auxseg.config import CamOptions, to_json
from auxseg.datasets.index_file import read_index
from auxseg.nn.inference import average_maps
from auxseg.nn.network import Classifier
from auxseg.nn.weights import load_classifier
from auxseg.ops.cam import normalise_cam
from auxseg.runtime import Runtime, place, progress
from auxseg.store import Header, MapWriter, file_digest

_SHRINK = 4


def run(options: CamOptions, *, index: Path, weights: Path, cam: Path, runtime: Runtime) -> None:
    """Write cam.h5; continues an interrupted run."""
    table = read_index(index)
    entries = {entry.id: entry for entry in table.split("train")}
    classifier, _ = load_classifier(weights, table.classes)
    place(classifier, runtime)
    header = Header(
        "cam", to_json(options), {"index": file_digest(index), "weights": file_digest(weights)}
    )
    with MapWriter(cam, header) as writer:
        missing = writer.missing(entries)
        for image_id in progress(missing, "cam", len(missing)):
            entry = entries[image_id]
            classes = np.flatnonzero(entry.labels)
            maps = average_maps(
                entry.photograph(),
                classifier.backbone,
                partial(_positive_cam, classifier, classes),
                scales=options.scales,
                flip=options.flip,
                size=(-(-entry.height // _SHRINK), -(-entry.width // _SHRINK)),
            )
            writer.put(image_id, normalise_cam(maps).astype(np.float16), classes=classes)


def _positive_cam(
    classifier: Classifier, classes: np.ndarray, images: torch.Tensor
) -> torch.Tensor:
    return classifier.cam(images)[:, classes].relu()
