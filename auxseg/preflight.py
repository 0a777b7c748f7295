"""What a configuration names or needs and is not there, or of no use: told before anything runs."""

import multiprocessing
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TypeVar

from auxseg.config import BackboneOptions, Config, IndexOptions
from auxseg.errors import UserError, disk_fault, listing, out_of_memory

_PHOTOGRAPHS = frozenset({"saliency", "classify", "cam", "train", "refine", "predict"})
_READERS = {
    "index": frozenset({"index", "masks"}),
    "saliency": frozenset({"saliency"}),
    "model": frozenset({"classify"}),
    "cam": frozenset({"cam"}),
    "seed": frozenset({"seed"}),
}
"""Section -> the stages that read what it names."""

_T = TypeVar("_T")


def absent(config: Config) -> list[str]:
    """`index.voc.root: VOCdevkit/VOC2012 is not there`, for every such file and folder.

    Saliency maps, which few data sets bring along, are told with how to come by them.
    """
    return [f"{key}: {fault}" for key, fault in _absent(config)]


def lacking(config: Config, stages: Collection[str], *, on_masks: bool = False) -> UserError | None:
    """That these stages would not find what they read, or could not use it; or None.

    Lists, labels and the network to train are looked at, but no photograph is opened.

    Args:
        config: of the run.
        stages: that are about to run. Snakemake removes a stage's earlier results before it, so
            that a slip would cost them.
        on_masks: whether a network is among them that learns from true masks.
    """
    faults = []
    for key, fault in _absent(config):
        section = key.partition(".")[0]
        readers = _READERS[section]
        if section == "index" and not config.index.pack:
            readers |= _PHOTOGRAPHS
        if readers & set(stages):
            faults.append(f"{key}: {fault}")
    reads_data = "index" in stages or (on_masks and "masks" in stages)
    if not faults and reads_data and config.index.dataset != "shapes":
        faults = _elsewhere(partial(_data_faults, on_masks=on_masks), config.index)
    if not faults and "classify" in stages:
        faults = _elsewhere(_backbone_faults, config.model)
    return listing(faults, "the run cannot start, and nothing was changed") if faults else None


def _absent(config: Config) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) of everything that the stages would not find."""
    yield from (
        (key, f"{place} is not there") for key, place in _named(config) if not place.exists()
    )
    if (fault := _without_saliency(config)) is not None:
        yield "saliency.maps", fault


def _elsewhere(faults_of: Callable[[_T], list[str]], section: _T) -> list[str]:
    """The faults of a section, found by a process of its own.

    Snakemake's stays as long as the run, and without torch and a data set's records is small.
    """
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(faults_of, section).result()
    except Exception as error:
        # The job may have more memory than the machine that starts it.
        if out_of_memory(error) or isinstance(error, BrokenProcessPool):
            return []
        if (fault := disk_fault(error)) is None:
            raise
        return [fault]


def _data_faults(index: IndexOptions, *, on_masks: bool) -> list[str]:
    """What is wrong with lists and labels; that masks to learn from are not there."""
    from auxseg.datasets.doubts import classes_without_photographs
    from auxseg.datasets.load import load_dataset
    from auxseg.datasets.record import list_faults, without_mask

    try:
        data = load_dataset(index)
    except UserError as error:
        return [str(error)]
    faults = list_faults(data)
    if not faults and index.doubtful_labels == "error":
        faults = classes_without_photographs(data)
    train = [record for record in data.records if record.split == "train"]
    if on_masks and (without := [record.id for record in train if record.mask is None]):
        faults.append(without_mask(without, len(train)))
    return faults


def _backbone_faults(model: BackboneOptions) -> list[str]:
    """That there is no such backbone, or that the weights in the file named do not fit it."""
    from auxseg.nn.backbones import build_backbone
    from auxseg.nn.imagenet import initialise_backbone

    try:
        backbone = build_backbone(
            model.backbone, model.output_stride, frozen_stride=model.frozen_stride
        )
        if model.weights != "imagenet":  # which the job itself may have to download
            initialise_backbone(backbone, model.backbone, model.weights)
    except UserError as error:
        return [str(error)]
    return []


def _without_saliency(config: Config) -> str | None:
    """That the data set was left to bring saliency maps and does not."""
    index, saliency = config.index, config.saliency
    if saliency.source != "maps" or saliency.maps is not None or index.dataset == "shapes":
        return None
    has_none = f"a data set of {index.dataset} has none"
    if (folder := index.narrowed().folder) is not None:
        maps = folder.saliency_maps
        # A data set that is not there is told of already.
        if maps.exists() or not maps.parent.exists():
            return None
        has_none = f"{maps} is not there"
    return f"not set, and {has_none}; name a folder of maps, or set saliency.source to u2netp"


def _named(config: Config) -> Iterator[tuple[str, Path]]:
    """(key, path) of everything that the stages will read."""
    index = config.index
    for layout in ("voc", "coco", "folder"):
        if index.dataset == layout:
            yield f"index.{layout}.root", Path(getattr(index, layout).root)
    folder = index.narrowed().folder
    if folder is not None:
        places = {"images": folder.images, "masks": folder.masks}
        yield from ((f"index.folder.{key}", Path(place)) for key, place in places.items() if place)
    if config.model.weights not in ("imagenet", "none"):
        yield "model.weights", Path(config.model.weights)
    paths = {
        "saliency.maps": config.saliency.narrowed().maps,
        "saliency.onnx.model": config.saliency.narrowed().onnx.model,
        "cam.maps": config.cam.narrowed().maps,
        "seed.labels": config.seed.labels,
    }
    yield from ((key, Path(path)) for key, path in paths.items() if path is not None)
