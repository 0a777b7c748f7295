"""What an artifact holds, in words and as a picture: `auxseg inspect FILE.h5`."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from auxseg.datasets.index_file import KIND as INDEX
from auxseg.datasets.index_file import read_index
from auxseg.datasets.record import IGNORE
from auxseg.description import read_description
from auxseg.errors import UserError, did_you_mean
from auxseg.pictures import CLASS_KINDS, index_of, picture_of, write_png
from auxseg.store import MapReader, artifact_attributes, inputs_of, read_table

_HEADER = {
    "kind",
    "format_version",
    "auxseg_version",
    "options",
    "inputs",
    "created",
    "complete",
    "content",
}
_DIGEST_LETTERS = 12


def describe(path: Path, image_id: str | None = None, limit: int = 10) -> str:
    """An artifact in words: what it is, what made it, and its images or one of them.

    Args:
        path: any .h5 or .safetensors file of a run.
        image_id: tell of this image's map, or this row, with its statistics.
        limit: ids listed at most.

    Raises:
        UserError: not a complete artifact, or an id that it does not hold.
    """
    if path.suffix == ".safetensors":
        return "\n".join([str(path), *_describe_weights(read_description(path))])
    if path.is_file() and path.suffix != ".h5":
        raise UserError(f"{path}: inspect reads artifacts (.h5) and weights (.safetensors).")
    if _is_index(path):
        attributes, columns = read_table(path, INDEX)
        body = list(_describe_index(path, columns, image_id, limit))
    else:
        with MapReader(path) as maps:
            attributes = maps.attributes
            body = list(_describe_maps(maps, image_id, limit))
    return "\n".join([str(path), *_header_lines(attributes), *body])


def write_picture(path: Path, image_id: str, picture: Path) -> None:
    """Write one image's map as a PNG.

    Classes become a palette PNG whose values are the class indices, saliency a grey one, CAMs heat;
    several planes stand side by side.

    Raises:
        UserError: not an artifact of maps, an unknown id, or a picture that is not a .png.
    """
    if picture.suffix.lower() != ".png":
        raise UserError(f"--picture {picture}: name a file that ends in .png.")
    if _is_index(path):
        raise UserError(f"{path}: a table has no pictures; inspect an artifact of maps.")
    with MapReader(path) as maps:
        _check_id(path, image_id, maps.ids())
        kind = str(maps.attributes["kind"])
        image = picture_of(kind, maps.read(image_id), index_of(maps))
    if not picture.parent.is_dir():
        raise UserError(f"--picture {picture}: there is no folder {picture.parent}; make it first.")
    write_png(image, picture)


def _is_index(path: Path) -> bool:
    return artifact_attributes(path).get("kind") == INDEX


def _header_lines(attributes: Mapping[str, Any]) -> Iterator[str]:
    """Kind, origin, inputs, the kind's own attributes, and options as YAML."""
    yield _line("kind", f"{attributes['kind']}, format {attributes['format_version']}")
    yield _line("created", f"{attributes['created']} by auxseg {attributes['auxseg_version']}")
    yield _line("content", f"digest {str(attributes['content'])[:_DIGEST_LETTERS]}")
    for name, digest in inputs_of(attributes).items():
        yield _line(f"input {name}", f"digest {digest[:_DIGEST_LETTERS]}")
    for name in sorted(attributes.keys() - _HEADER):
        yield _line(name, json.dumps(attributes[name], ensure_ascii=False))
    options = json.loads(attributes["options"])
    yield _line("options", "" if options else "none")
    if options:
        text = yaml.safe_dump(options, sort_keys=False, allow_unicode=True)
        yield from (f"    {line}" for line in text.splitlines())


def _describe_weights(description: Mapping[str, Any]) -> Iterator[str]:
    told = dict(description)
    yield _line("kind", f"weights of a {told.pop('kind')}")
    for name, digest in told.pop("inputs", {}).items():
        yield _line(f"input {name}", f"digest {digest[:_DIGEST_LETTERS]}")
    text = yaml.safe_dump(told, sort_keys=False, allow_unicode=True)
    yield from (f"  {line}" for line in text.splitlines())


def _describe_index(
    path: Path, columns: Mapping[str, np.ndarray], image_id: str | None, limit: int
) -> Iterator[str]:
    ids = list(columns["id"])
    yield _line("rows", str(len(ids)))
    for name, column in columns.items():
        yield _line(f"column {name}", f"{column.shape} {_type_name(column)}")
    if image_id is None:
        splits = dict(zip(ids, columns["split"], strict=True))
        yield from _listing(ids, limit, splits.__getitem__)
        return
    _check_id(path, image_id, ids)
    index = read_index(path)
    entry = index.entries[ids.index(image_id)]
    classes = [index.classes[k] for k in np.flatnonzero(entry.labels)]
    yield from _heading(image_id)
    yield _line("split", entry.split)
    yield _line("image", f"{entry.image}, {entry.width} x {entry.height} pixels")
    yield _line("classes", ", ".join(classes))


def _describe_maps(maps: MapReader, image_id: str | None, limit: int) -> Iterator[str]:
    yield _line("maps", str(len(maps)))
    if image_id is None:
        yield from _listing(maps.ids(), limit, lambda i: _shape(maps.read(i)))
        return
    _check_id(maps.path, image_id, maps.ids())
    values, about = maps.read_with_attributes(image_id)
    yield from _heading(image_id)
    yield _line("shape", _shape(values))
    names = _class_names(maps)
    for name, value in about.items():
        if name == "classes":
            value = [names.get(int(k) + 1, k) for k in value]
        yield _line(name, json.dumps(value, ensure_ascii=False))
    if maps.attributes["kind"] in CLASS_KINDS:
        yield from _class_shares(values, maps)
    elif values.size:
        yield _line("values", _range(values))


def _class_shares(values: np.ndarray, maps: MapReader) -> Iterator[str]:
    """What share of the pixels has which class, a block a plane."""
    names = _class_names(maps)
    planes = values.reshape(-1, *values.shape[-2:])
    titles = maps.attributes.get("variants", [""] * len(planes))
    for title, plane in zip(titles, planes, strict=False):
        if title:
            yield f"  {title}"
        for index, count in zip(*np.unique(plane, return_counts=True), strict=True):
            name = names.get(int(index), "")
            yield f"    {index:>3} {name:<14} {100 * count / plane.size:6.2f} %"


def _class_names(maps: MapReader) -> dict[int, str]:
    """Names of class indices; without the artifact's index only the two that are fixed."""
    index = index_of(maps)
    classes = index.classes if index else ()
    return {0: "background", IGNORE: "ignored", **dict(enumerate(classes, start=1))}


def _check_id(path: Path, image_id: str, ids: list[str]) -> None:
    if image_id in ids:
        return
    hint = did_you_mean(image_id, ids)
    raise UserError(f"{path}: has no image {image_id!r}{hint}; `auxseg inspect {path}` lists them.")


def _listing(ids: list[str], limit: int, tell: Callable[[str], str]) -> Iterator[str]:
    shown = ids[:limit]
    width = max((len(image_id) for image_id in shown), default=0)
    yield ""
    yield f"ids ({len(shown)} of {len(ids)})"
    yield from (f"  {image_id:<{width}}  {tell(image_id)}" for image_id in shown)


def _heading(image_id: str) -> Iterator[str]:
    yield ""
    yield f"id {image_id}"


def _line(name: str, text: str) -> str:
    return f"  {name:<16}  {text}".rstrip()


def _shape(values: np.ndarray) -> str:
    return f"{values.shape} {values.dtype}"


def _type_name(column: np.ndarray) -> str:
    return "text" if column.dtype.kind == "O" else str(column.dtype)


def _range(values: np.ndarray) -> str:
    numbers = values.astype(np.float64)
    return f"min {numbers.min():.4g}, mean {numbers.mean():.4g}, max {numbers.max():.4g}"
