"""Coarse, class-agnostic saliency maps of the training images, from files or an ONNX model.

Reads:  index.h5, and the maps' folder or the model's file named in the options.
Writes: saliency.h5: (H, W) uint8 an image of split train, 255 = surely salient.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from auxseg.config import SaliencyOptions, to_json
from auxseg.datasets.index_file import Entry, read_index
from auxseg.datasets.other_methods import check_folder, find_all, picture_of, read_matching_saliency
from auxseg.errors import UserError, reason_of
from auxseg.ops.saliency import model_input, model_output, to_bytes
from auxseg.runtime import progress
from auxseg.saliency_models import onnx_runtime, packaged_model
from auxseg.store import ALL, Header, MapWriter, Shard, file_digest, join_shards


def run(
    options: SaliencyOptions,
    *,
    index: Path,
    saliency: Path,
    threads: int = 1,
    shard: Shard = ALL,
) -> None:
    """Write saliency.h5; continues an interrupted run."""
    labelled = read_index(index).split("train")
    entries = {entry.id: entry for entry in shard.take(labelled)}
    inputs = {"index": file_digest(index)}
    model = None if options.source == "maps" else _model_file(options)
    if model is not None:
        inputs["model"] = file_digest(model)
    header = Header("saliency", to_json(options.narrowed()), inputs)
    if shard.joins:
        join_shards(saliency, header, shard, entries)
        return
    if model is None:
        saliency_of = _from_files(labelled, options.maps)
    else:
        saliency_of = _from_model(model, options, threads)
    # Files have no digest, so maps of an interrupted run may be those of other files.
    with MapWriter(saliency, header, resume=options.source != "maps", shard=shard) as writer:
        missing = writer.missing(entries)
        for image_id in progress(missing, "saliency", len(missing)):
            writer.put(image_id, saliency_of(entries[image_id]))


def _from_files(entries: list[Entry], folder: str | None) -> Callable[[Entry], np.ndarray]:
    """A function from an entry to its map in the folder, or among those of the data set."""
    if folder is None:
        place = "the data set (saliency.maps is not set)"
        files = find_all(entries, lambda entry: entry.saliency, "saliency map", place)
    else:
        check_folder(Path(folder), "saliency.maps")
        files = find_all(entries, partial(picture_of, Path(folder)), "saliency map", folder)
    return lambda entry: read_matching_saliency(files[entry.id], entry)


def _model_file(options: SaliencyOptions) -> Path:
    if options.source == "u2netp":
        return packaged_model()
    path = Path(options.onnx.model or "")
    if not path.is_file():
        raise UserError(f"saliency.onnx.model: {path}: no such file.")
    return path


def _from_model(
    model: Path, options: SaliencyOptions, threads: int
) -> Callable[[Entry], np.ndarray]:
    """A function from an entry to its map by the model."""
    onnxruntime = onnx_runtime(options.source)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    try:
        # On the processor alone: the job asked for no GPU, which another may be using.
        session = onnxruntime.InferenceSession(
            str(model), settings, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime raises a class of its own for each kind of damage
        raise UserError(
            f"{model}: not an ONNX model that can be run ({reason_of(error)})."
        ) from None
    name = session.get_inputs()[0].name
    preprocessing = options.onnx.model_dump(include={"size", "mean", "std", "divide_by_max"})

    def saliency_of(entry: Entry) -> np.ndarray:
        image = entry.photograph()
        views = (image, image[:, ::-1]) if options.onnx.flip else (image,)
        inputs = [model_input(view, **preprocessing) for view in views]
        maps = [model_output(session.run(None, {name: i})[0], image.shape[:2]) for i in inputs]
        if options.onnx.flip:
            maps[1] = maps[1][:, ::-1]
        return to_bytes(np.mean(maps, axis=0))

    return saliency_of
