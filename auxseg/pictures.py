"""Maps of artifacts as picture files, for other programs and for the eye."""

import contextlib
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from auxseg.datasets.index_file import Index, read_index
from auxseg.errors import UserError
from auxseg.images import encoded, png_text, read_values, values_digest
from auxseg.report.palette import heat_colors, palette_picture
from auxseg.runtime import progress
from auxseg.store import MapReader, file_digest, inputs_of, write_atomically

CLASS_KINDS = {"labels", "masks", "predictions"}
_EXPORTED = "auxseg-export"  # the keyword of a digest, by which an exported picture is known again


def export_pictures(path: Path, folder: Path, variant: str | None = None) -> str:
    """Write every map of an artifact as {folder}/{image id}.png.

    Labels, masks and predictions become palette PNGs whose values are the class indices (0
    background, 255 ignored or unknown), saliency grey ones.

    Args:
        path: an artifact of labels, masks, predictions or saliency.
        folder: made where it is missing; earlier pictures of such an export are replaced.
        variant: of predictions; None = the last: multi-scale, with the CRF where there is one.

    Returns:
        What was written, in words.

    Raises:
        UserError: another kind of artifact, an unknown variant, a name that leads elsewhere, or
            files of those names that no export wrote, or that were changed since.
    """
    with MapReader(path) as maps:
        kind = str(maps.attributes["kind"])
        if kind not in (*CLASS_KINDS, "saliency"):
            raise UserError(f"{path}: holds {kind!r}, which no PNG of one plane can hold.")
        plane, told = _plane(maps, variant)
        index = index_of(maps)
        ids = maps.ids()
        targets = {image_id: _target(path, folder, image_id) for image_id in ids}
        theirs = [t for t in targets.values() if t.exists() and not _is_export(t)]
        if theirs:
            more = f", as are {len(theirs) - 1} more" if len(theirs) > 1 else ""
            raise UserError(
                f"{theirs[0]}: is there already and no picture of an export, or changed since"
                f"{more}; name another folder."
            )
        for image_id in progress(ids, "export", len(ids)):
            values = maps.read(image_id)
            picture = picture_of(kind, values if plane is None else values[plane], index)
            mark = PngInfo()
            mark.add_text(_EXPORTED, values_digest(np.asarray(picture)))
            write_png(picture, targets[image_id], mark)
    return f"{folder}: {len(ids)} pictures{told}"


def _is_export(path: Path) -> bool:
    """Whether a file is the picture of an export that nobody has changed."""
    try:
        return png_text(path, _EXPORTED) == values_digest(read_values(path))
    except UserError:  # no picture, or a damaged one
        return False


def _target(path: Path, folder: Path, image_id: str) -> Path:
    target = folder / f"{image_id}.png"
    if not target.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{path}: image {image_id!r} would be written outside {folder}.")
    return target


def picture_of(kind: str, values: np.ndarray, index: Index | None) -> Image.Image:
    """A map as a picture; several planes stand side by side.

    Args:
        kind: of the artifact.
        values: (H, W) or (planes, H, W).
        index: for the colours of classes; None = VOC's.

    Raises:
        UserError: maps of a kind without a picture.
    """
    if kind not in (*CLASS_KINDS, "cam", "saliency"):
        raise UserError(f"no picture is known of {kind!r}.")
    planes = np.concatenate(list(values.reshape(-1, *values.shape[-2:])), axis=1)
    if kind == "cam":
        return Image.fromarray(heat_colors(planes))
    if kind == "saliency":
        return Image.fromarray(planes)
    return palette_picture(planes, index.palette if index else ())


def write_png(picture: Image.Image, path: Path, about: PngInfo | None = None) -> None:
    """Write a picture, and what the file is to say beside it, atomically."""
    write_atomically(path, encoded(picture, "PNG", pnginfo=about))


def index_of(maps: MapReader) -> Index | None:
    """The index.h5 that an artifact was made with, in its folder or one above."""
    made_with = inputs_of(maps.attributes).get("index")
    for folder in maps.path.resolve().parents:
        candidate = folder / "index.h5"
        with contextlib.suppress(UserError, OSError):  # another's file of that name
            if candidate.is_file() and file_digest(candidate) == made_with:
                return read_index(candidate)
    return None


def plane_of(maps: MapReader, variant: str) -> int:
    """Which plane of predictions is a variant's.

    Raises:
        UserError: there is none.
    """
    if variant not in (known := list(maps.attributes["variants"])):
        raise UserError(f"{maps.path}: no variant {variant!r}; it has {', '.join(known)}.")
    return known.index(variant)


def _plane(maps: MapReader, variant: str | None) -> tuple[int | None, str]:
    """Which plane of each map is meant, None for maps of one, and its name in words."""
    if not (known := list(maps.attributes.get("variants", []))):
        if variant is not None:
            raise UserError(f"{maps.path}: has no variants; leave --variant out.")
        return None, ""
    chosen = variant or known[-1]
    return plane_of(maps, chosen), f", {chosen}"
