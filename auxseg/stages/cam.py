"""Class activation maps of each training image's own classes, from the classifier or from files.

Reads:  index.h5, and for cam.source: classifier its weights.safetensors and the training images
        (multi-scale, mirrored); or for cam.source: maps, in the folder cam.maps, for every training
        image a .npy file, an .h5 file with data set "cam", or a folder of grey pictures named by
        class, each named as the image. Arrays are (K, h, w) of the image's own K classes in the
        order of the index, or (C, h, w) of all. Negative values count as 0.
Writes: cam.h5: (K, h, w) float16 in [0, 1] an image, each map divided by its maximum, the K classes
        in attribute "classes"; the classifier's are a quarter of the image's size.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from auxseg.config import CamOptions, to_json
from auxseg.datasets.index_file import Entry, Index, read_index
from auxseg.datasets.other_methods import cam_of, check_folder, find_all, read_cam
from auxseg.errors import UserError
from auxseg.ops.cam import normalise_cam
from auxseg.runtime import Runtime, progress
from auxseg.store import ALL, Header, MapWriter, Shard, file_digest, join_shards

_SHRINK = 4


def run(
    options: CamOptions,
    *,
    index: Path,
    cam: Path,
    runtime: Runtime,
    weights: Path | None = None,
    shard: Shard = ALL,
) -> None:
    """Write cam.h5; continues an interrupted run."""
    table = read_index(index)
    entries = {entry.id: entry for entry in shard.take(table.split("train"))}
    inputs = {"index": file_digest(index)}
    if weights is not None and options.source == "classifier":
        inputs["weights"] = file_digest(weights)
    header = Header("cam", to_json(options.narrowed()), inputs)
    if shard.joins:
        join_shards(cam, header, shard, entries)
        return
    if options.source == "maps":
        cam_of_entry = _from_files(Path(options.maps or ""), table)
    elif weights is not None:
        cam_of_entry = _by_classifier(weights, table, options, runtime)
    else:
        raise UserError("cam.source: classifier needs --weights, the file of stage classify.")
    # Files have no digest, so maps of an interrupted run may be those of other files.
    with MapWriter(cam, header, resume=options.source != "maps", shard=shard) as writer:
        missing = writer.missing(entries)
        for image_id in progress(missing, "cam", len(missing)):
            maps = normalise_cam(cam_of_entry(entries[image_id])).astype(np.float16)
            writer.put(image_id, maps, classes=np.flatnonzero(entries[image_id].labels))


def _from_files(folder: Path, table: Index) -> Callable[[Entry], np.ndarray]:
    check_folder(folder, "cam.maps")
    files = find_all(table.split("train"), partial(cam_of, folder), "CAM", str(folder))
    return lambda entry: read_cam(files[entry.id], entry, table.classes)


def _by_classifier(
    weights: Path, table: Index, options: CamOptions, runtime: Runtime
) -> Callable[[Entry], np.ndarray]:
    """A function from an entry to the rectified CAMs of its classes, averaged over scales."""
    from auxseg.nn.inference import average_maps  # here: files need no torch
    from auxseg.nn.weights import load_classifier
    from auxseg.runtime import place

    classifier, _ = load_classifier(weights, table.classes)
    place(classifier, runtime)

    def cam_of_entry(entry: Entry) -> np.ndarray:
        own = np.flatnonzero(entry.labels)
        return average_maps(
            entry.photograph(),
            classifier.backbone,
            lambda images: classifier.cam(images)[:, own].relu(),
            scales=options.scales,
            flip=options.flip,
            size=(-(-entry.height // _SHRINK), -(-entry.width // _SHRINK)),
            precision=options.precision,
        )

    return cam_of_entry
