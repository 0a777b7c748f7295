"""Segments images: at a single scale, multi-scale, and multi-scale with a dense CRF.

Reads:  index.h5, round{r}/weights.safetensors and the images: those of split val (of train, if
        there is no val); or of another split. With --known-classes all that are labelled (of the
        split, if one is named), each into background and the classes of its label alone, which are
        told from the background with the help of the network's saliency.
Writes: round{r}/predictions.h5: (V, H, W) uint8 an image, 0 background, k + 1 = class k; the root
        attribute "variants" names the V planes.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from auxseg.config import PredictOptions, to_json
from auxseg.crf import segmentation_crf, workers_beside
from auxseg.datasets.index_file import Entry, Index, read_index
from auxseg.errors import UserError
from auxseg.nn.inference import class_probabilities, device_of
from auxseg.nn.network import AuxSegNet
from auxseg.nn.weights import load_network
from auxseg.ops.crf import labels_that_matter
from auxseg.ops.own_segmentation import share_with_saliency
from auxseg.ops.postprocess import segment_image
from auxseg.parallel import process_map
from auxseg.runtime import Runtime, place, progress
from auxseg.store import ALL, Header, MapWriter, Shard, file_digest, join_shards

Job = tuple[np.ndarray, ...]


def run(
    options: PredictOptions,
    *,
    index: Path,
    weights: Path,
    predictions: Path,
    runtime: Runtime,
    split: str | None = None,
    known_classes: bool = False,
    shard: Shard = ALL,
) -> None:
    """Write predictions.h5; continues an interrupted run."""
    table = read_index(index)
    split = split or ("labelled" if known_classes else evaluation_split(table))
    entries = {entry.id: entry for entry in shard.take(_entries(table, split, known_classes))}
    header = Header(
        "predictions",
        to_json(options.narrowed(known_classes=known_classes)),
        {"index": file_digest(index), "weights": file_digest(weights)},
        {"variants": options.variants, "split": split, "known_classes": known_classes},
    )
    if shard.joins:
        join_shards(predictions, header, shard, entries)
        return
    network, _ = load_network(weights, table.classes)
    place(network, runtime)
    with MapWriter(predictions, header, shard=shard) as writer:
        missing = writer.missing(entries)
        used = [options.crf] if options.use_crf else []
        workers = workers_beside(runtime.threads, *used)
        jobs = _jobs(network, [entries[i] for i in missing], options, known_classes)
        crf = segmentation_crf(options.crf, device_of(network)) if options.use_crf else None
        segment = partial(segment_image, sharpen=crf)
        done = zip(missing, process_map(segment, jobs, workers), strict=True)
        for image_id, planes in progress(done, "predict", len(missing)):
            writer.put(image_id, planes)


def evaluation_split(index: Index) -> str:
    """Split val, or train for photographs without one."""
    return "val" if any(entry.split == "val" for entry in index.entries) else "train"


def _entries(index: Index, split: str, known_classes: bool) -> list[Entry]:
    found = list(index.entries) if split == "labelled" else index.split(split)
    if not known_classes:
        return found
    if not (labelled := [entry for entry in found if entry.labels.any()]):
        raise UserError(f"no image of split {split!r} is labelled; leave --known-classes out.")
    return labelled


def _jobs(
    network: AuxSegNet, entries: list[Entry], options: PredictOptions, known_classes: bool
) -> Iterator[Job]:
    """For each image what `segment_image` takes: the network's share of the work."""
    share = options.saliency_share if known_classes and network.saliency is not None else 0.0

    def probabilities(
        image: np.ndarray, labels: np.ndarray, scales: tuple[float, ...], flip: bool
    ) -> np.ndarray:
        maps = class_probabilities(
            network,
            image,
            labels,
            scales=scales,
            flip=flip,
            with_saliency=share > 0,
            precision=options.precision,
        )
        return share_with_saliency(maps[: len(labels)], maps[-1], share) if share else maps

    for entry in entries:
        image = entry.photograph()
        own = entry.labels if known_classes else np.ones_like(entry.labels)
        labels = np.flatnonzero([True, *own])
        single = probabilities(image, labels, (1.0,), False)
        plain = [single]
        if "multiscale" in options.variants:
            plain.append(probabilities(image, labels, options.scales, options.flip))
        averaged = plain[-1]
        planes = labels[np.stack([values.argmax(axis=0) for values in plain])]
        kept = labels_that_matter(averaged)
        yield image, planes.astype(np.uint8), averaged[kept], labels[kept].astype(np.uint8)
