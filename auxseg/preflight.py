"""What a configuration names or needs and is not there: told before anything runs."""

from collections.abc import Collection, Iterator
from pathlib import Path

from auxseg.config import Config
from auxseg.errors import UserError, listing

_PHOTOGRAPHS = frozenset({"saliency", "classify", "cam", "train", "refine", "predict"})
_READERS = {
    "index": frozenset({"index", "masks"}),
    "saliency": frozenset({"saliency"}),
    "model": frozenset({"classify"}),
    "cam": frozenset({"cam"}),
    "seed": frozenset({"seed"}),
}
"""Section -> the stages that read what it names."""


def absent(config: Config) -> list[str]:
    """`index.voc.root: VOCdevkit/VOC2012 is not there`, for every such file and folder.

    Saliency maps, which few data sets bring along, are told with how to come by them.
    """
    told = [f"{key}: {place} is not there" for key, place in _named(config) if not place.exists()]
    return told + _without_saliency(config)


def lacking(config: Config, stages: Collection[str]) -> UserError | None:
    """That what these stages read is not there, or None.

    Args:
        config: of the run.
        stages: that are about to run. Snakemake removes a stage's earlier results before it, so
            that a slip would cost them.
    """
    faults = []
    for told in absent(config):
        section = told.partition(".")[0]
        readers = _READERS[section]
        if section == "index" and not config.index.pack:
            readers |= _PHOTOGRAPHS
        if readers & set(stages):
            faults.append(told)
    return listing(faults, "the run cannot start, and nothing was changed") if faults else None


def _without_saliency(config: Config) -> list[str]:
    """That the data set was left to bring saliency maps and does not."""
    index, saliency = config.index, config.saliency
    if saliency.source != "maps" or saliency.maps is not None or index.dataset == "shapes":
        return []
    has_none = f"a data set of {index.dataset} has none"
    if (folder := index.narrowed().folder) is not None:
        maps = folder.saliency_maps
        # A data set that is not there is told of already.
        if maps.exists() or not maps.parent.exists():
            return []
        has_none = f"{maps} is not there"
    mend = "name a folder of maps, or set saliency.source to u2netp"
    return [f"saliency.maps: not set, and {has_none}; {mend}"]


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
