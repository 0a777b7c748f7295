"""What a configuration names and is not there: told before anything runs, for who plans ahead."""

from collections.abc import Iterator
from pathlib import Path

from auxseg.config import Config


def absent(config: Config) -> list[str]:
    """`index.voc.root: VOCdevkit/VOC2012 is not there`, for every such file and folder."""
    return [f"{key}: {place} is not there" for key, place in _named(config) if not place.exists()]


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
