"""The next round's pseudo labels: affinity-propagated CAMs fused with refined saliency.

Reads:  index.h5, round{r}/weights.safetensors, the coarse saliency.h5 and the training images.
Writes: round{r+1}/labels.h5, as stage seed does, and round{r+1}/saliency.h5: (H, W) uint8.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from auxseg.config import RefineOptions, to_json
from auxseg.datasets.index_file import Entry, read_index
from auxseg.errors import UserError
from auxseg.nn.inference import average_maps
from auxseg.nn.network import AuxSegNet
from auxseg.nn.weights import load_network
from auxseg.ops.cam import normalise_cam
from auxseg.ops.crf import Kernels
from auxseg.ops.postprocess import label_image
from auxseg.ops.saliency import from_bytes
from auxseg.parallel import process_map
from auxseg.runtime import Runtime, place, progress
from auxseg.store import Header, MapReader, MapWriter, file_digest

Job = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def run(
    options: RefineOptions,
    *,
    index: Path,
    weights: Path,
    saliency: Path,
    labels: Path,
    refined_saliency: Path,
    runtime: Runtime,
) -> None:
    """Write the next round's labels and saliency; continues an interrupted run."""
    table = read_index(index)
    entries = {entry.id: entry for entry in table.split("train")}
    inputs = {
        "index": file_digest(index),
        "weights": file_digest(weights),
        "saliency": file_digest(saliency),
    }
    network = _network(weights, table.classes, runtime, options.use_crf)
    with (
        MapReader(saliency, "saliency") as coarse,
        MapWriter(refined_saliency, Header("saliency", to_json(options), inputs)) as saliencies,
        MapWriter(labels, Header("labels", to_json(options), inputs)) as writer,
    ):
        unsettled = {*writer.missing(entries), *saliencies.missing(entries)}
        missing = [image_id for image_id in entries if image_id in unsettled]
        workers = runtime.threads if options.use_crf else 1
        jobs = _jobs(network, [entries[i] for i in missing], coarse, options)
        done = zip(missing, process_map(_post(options), jobs, workers), strict=True)
        for image_id, (label, salient) in progress(done, "refine", len(missing)):
            writer.put(image_id, label)
            saliencies.put(image_id, salient)


def _network(
    weights: Path, classes: tuple[str, ...], runtime: Runtime, shares_cores: bool
) -> AuxSegNet:
    network, description = load_network(weights, classes)
    if network.classification is None:
        raise UserError(
            f"{weights}: a network with model.branches {description['model']['branches']!r} has no "
            f"CAMs to refine; use 'all' or 'seg+cls', or set rounds to 1."
        )
    place(network, runtime, shares_cores=shares_cores)
    return network


def _jobs(
    network: AuxSegNet, entries: list[Entry], coarse: MapReader, options: RefineOptions
) -> Iterator[Job]:
    """For each image what `label_image` takes: the network's share of the work."""
    for entry in entries:
        image = entry.photograph()
        classes = np.flatnonzero(entry.labels)
        maps = average_maps(
            image,
            network.backbone,
            partial(_maps, network, classes),
            scales=options.scales,
            flip=options.flip,
            size=image.shape[:2],
        )
        saliency = from_bytes(coarse.read(entry.id))
        if network.saliency is not None:
            saliency = (saliency + maps[-1]) / 2
            maps = maps[:-1]
        yield image, maps, classes, saliency


def _post(options: RefineOptions) -> partial[tuple[np.ndarray, np.ndarray]]:
    """`label_image` with the options' constants."""
    kernels = Kernels(**options.crf.model_dump(exclude={"temperature"}))
    return partial(
        label_image,
        cam_threshold=options.cam_threshold,
        saliency_threshold=options.saliency_threshold,
        kernels=kernels if options.use_crf else None,
        temperature=options.crf.temperature,
    )


def _maps(network: AuxSegNet, classes: np.ndarray, images: torch.Tensor) -> torch.Tensor:
    """The affinity-propagated CAMs of the classes and, last, the refined saliency."""
    outputs = network(images)
    normalised = torch.from_numpy(
        np.stack([normalise_cam(c) for c in outputs.cam[:, classes].cpu().numpy()])
    )
    maps = outputs.propagate(normalised.to(images.device))
    if outputs.refined_saliency is None:
        return maps
    return torch.cat((maps, outputs.refined_saliency.sigmoid()), dim=1)
