"""The next round's pseudo labels: refined saliency with propagated CAMs, the segmentation, or both.

Reads:  index.h5, round{r}/weights.safetensors, the coarse saliency.h5 and the training images.
Writes: round{r+1}/labels.h5, as stage seed does, and round{r+1}/saliency.h5: (H, W) uint8.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from auxseg.config import RefineOptions, to_json
from auxseg.crf import CrfOptions, saliency_crf, segmentation_crf, workers_beside
from auxseg.datasets.index_file import Entry, read_index
from auxseg.errors import UserError
from auxseg.nn.inference import average_maps, device_of, refined_maps, softmax_of_first
from auxseg.nn.network import AuxSegNet
from auxseg.nn.weights import load_network
from auxseg.ops.cam import normalise_cam
from auxseg.ops.postprocess import label_by_cam, label_by_segmentation
from auxseg.ops.saliency import from_bytes
from auxseg.parallel import process_map
from auxseg.runtime import Runtime, place, progress
from auxseg.store import (
    ALL,
    Header,
    MapReader,
    MapWriter,
    Shard,
    file_digest,
    join_shards,
    writing_together,
)

Job = tuple[np.ndarray, ...]


def run(
    options: RefineOptions,
    *,
    index: Path,
    weights: Path,
    saliency: Path,
    labels: Path,
    refined_saliency: Path,
    runtime: Runtime,
    shard: Shard = ALL,
) -> None:
    """Write the next round's labels and saliency; continues an interrupted run."""
    table = read_index(index)
    entries = {entry.id: entry for entry in shard.take(table.split("train"))}
    inputs = {
        "index": file_digest(index),
        "weights": file_digest(weights),
        "saliency": file_digest(saliency),
    }
    headers = [Header(kind, to_json(options.narrowed()), inputs) for kind in ("saliency", "labels")]
    paths = [refined_saliency, labels]
    if shard.joins:
        for path, header in zip(paths, headers, strict=True):
            join_shards(path, header, shard, entries)
        return
    network = _network(weights, table.classes, runtime, options)
    writers = (MapWriter(p, h, shard=shard) for p, h in zip(paths, headers, strict=True))
    with (
        MapReader(saliency, "saliency") as coarse,
        writing_together(*writers) as (saliencies, writer),
    ):
        unsettled = {*writer.missing(entries), *saliencies.missing(entries)}
        missing = [image_id for image_id in entries if image_id in unsettled]
        workers = workers_beside(runtime.threads, *_crfs(options))
        jobs = _jobs(network, [entries[i] for i in missing], coarse, options)
        label_image = _label(options, device_of(network))
        done = zip(missing, process_map(label_image, jobs, workers), strict=True)
        for image_id, (label, salient) in progress(done, "refine", len(missing)):
            writer.put(image_id, label)
            saliencies.put(image_id, salient)


def _network(
    weights: Path, classes: tuple[str, ...], runtime: Runtime, options: RefineOptions
) -> AuxSegNet:
    network, description = load_network(weights, classes)
    if network.classification is None and options.labels_from != "segmentation":
        raise UserError(
            f"{weights}: a network with model.branches {description['model']['branches']!r} has no "
            f"CAMs to refine; use 'all' or 'seg+cls', set refine.labels_from to 'segmentation', or "
            f"rounds to 1."
        )
    place(network, runtime)
    return network


def _crfs(options: RefineOptions) -> list[CrfOptions]:
    """Those that are used."""
    used: list[CrfOptions] = [options.crf] if options.use_crf else []
    if options.labels_from == "segmentation" and options.segmentation.use_crf:
        used.append(options.segmentation.crf)
    return used


def _label(
    options: RefineOptions, device: torch.device
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """From what `_jobs` gives for an image to its label and saliency, by the options' constants."""
    sharpen = saliency_crf(options.crf, device) if options.use_crf else None
    if options.labels_from != "segmentation":
        return partial(
            label_by_cam,
            cam_threshold=options.cam_threshold,
            saliency_threshold=options.saliency_threshold,
            sharpen=sharpen,
        )
    own = options.segmentation
    return partial(
        label_by_segmentation,
        saliency_share=own.saliency_share,
        min_confidence=own.min_confidence,
        sharpen_labels=(
            segmentation_crf(own.crf, device, "refine.segmentation.crf") if own.use_crf else None
        ),
        sharpen=sharpen,
    )


def _jobs(
    network: AuxSegNet, entries: list[Entry], coarse: MapReader, options: RefineOptions
) -> Iterator[Job]:
    """For each image what `_label` takes: the network's share of the work."""
    by_cam = options.labels_from != "segmentation"
    for entry in entries:
        image = entry.photograph()
        classes = np.flatnonzero(entry.labels)
        labels = len(classes) + 1
        maps = average_maps(
            image,
            network.backbone,
            partial(_maps, network, classes, by_cam),
            scales=options.scales,
            flip=options.flip,
            size=image.shape[:2],
            activation=partial(softmax_of_first, labels),
            precision=options.precision,
        )
        probabilities, rest = maps[:labels], maps[labels:]
        saliency = from_bytes(coarse.read(entry.id, entry.size))
        if network.saliency is not None:
            saliency = (saliency + rest[0]) / 2
            rest = rest[1:]
        evidence = rest if by_cam else probabilities
        witness = (probabilities,) if options.labels_from == "both" else ()
        yield image, evidence, classes, saliency, *witness


def _maps(
    network: AuxSegNet, classes: np.ndarray, with_cam: bool, images: torch.Tensor
) -> torch.Tensor:
    """All that the network says of K classes: logits of them and background, saliency, CAMs.

    Returns:
        (B, K + 1 and, as far as the network has them, 1 and K, h, w): refined segmentation logits,
        refined saliency in [0, 1], and on request normalised CAMs under the affinity.
    """
    outputs = network(images)
    groups = [refined_maps(outputs, [0, *(int(k) + 1 for k in classes)])]
    if with_cam:
        assert outputs.cam is not None
        own = outputs.cam[:, classes].float().cpu().numpy()
        normalised = torch.from_numpy(np.stack([normalise_cam(cam) for cam in own]))
        groups.append(outputs.propagate(normalised.to(images.device)))
    return torch.cat(groups, dim=1)
