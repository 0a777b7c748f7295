"""A finished run of two rounds: stages without a network run, the others' files are as theirs."""

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from auxseg.datasets.index_file import Index, read_index
from auxseg.description import description_metadata
from auxseg.report.tables import gather, read_text_table
from auxseg.status import JobState, job_states
from auxseg.store import Header, MapWriter, file_digest
from tests.unit.one_round import score, seed_round

ROUNDS = 2
LONG_AGO = 3600  # seconds

BEFORE = [(stage, None) for stage in ("index", "masks", "saliency", "classify", "cam")]
FIRST = [(stage, 0) for stage in ("seed", "train", "predict", "evaluate")]
SECOND = [(stage, 1) for stage in ("refine", "train", "predict", "evaluate")]
LABELS_ALONE = [("refine", 2), ("evaluate", 2)]


def finish(folder: Path, prepared: Path) -> Path:
    """Complete what stages index, masks and saliency prepared, in a folder of its own."""
    for artifact in sorted(prepared.glob("*.h5")):
        shutil.copy2(artifact, folder)
    classifier = write_weights(folder, "classifier", {"index": "index.h5"})
    write_cam(folder)
    seed_round(folder)
    start, saliency = classifier, "saliency.h5"
    for number in range(ROUNDS + 1):
        here = f"round{number}"
        if number > 0:
            write_refined(folder, number)
            saliency = f"{here}/saliency.h5"
        if number < ROUNDS:
            inputs = {"labels": f"{here}/labels.h5", "saliency": saliency}
            inputs |= {"index": "index.h5", "initial_weights": start}
            start = write_weights(folder, here, inputs)
            write_predictions(folder, number)
        score(folder, number)
    write_report(folder)
    return folder


def write_maps(folder: Path, path: str, kind: str, maps: dict, inputs: dict, **extra) -> None:
    """An artifact as its stage leaves it: with the digest of each input."""
    recorded = {name: file_digest(folder / source) for name, source in inputs.items()}
    options = json.dumps({"scales": [1.0], "flip": False})
    with MapWriter(folder / path, Header(kind, options, recorded, extra)) as writer:
        for image_id, values in maps.items():
            writer.put(image_id, values)


def write_cam(folder: Path, value: float = 1.0) -> None:
    inputs = {"index": "index.h5", "weights": "classifier/weights.safetensors"}
    recorded = {name: file_digest(folder / source) for name, source in inputs.items()}
    with MapWriter(folder / "cam.h5", Header("cam", "{}", recorded)) as writer:
        for entry in index(folder).split("train"):
            classes = np.flatnonzero(entry.labels)
            cam = np.full((len(classes), 8, 8), value, dtype=np.float16)
            writer.put(entry.id, cam, classes=classes)


def write_refined(folder: Path, number: int) -> None:
    inputs = {"index": "index.h5", "saliency": "saliency.h5"}
    inputs["weights"] = f"round{number - 1}/weights.safetensors"
    for kind in ("saliency", "labels"):
        maps = of_photographs(folder, "train", number % 2)
        write_maps(folder, f"round{number}/{kind}.h5", kind, maps, inputs)


def write_predictions(folder: Path, number: int) -> None:
    inputs = {"index": "index.h5", "weights": f"round{number}/weights.safetensors"}
    maps = {name: values[None] for name, values in of_photographs(folder, "val", 0).items()}
    about = {"variants": ["single"], "split": "val", "known_classes": False}
    write_maps(folder, f"round{number}/predictions.h5", "predictions", maps, inputs, **about)


def of_photographs(folder: Path, split: str, value: int) -> dict[str, np.ndarray]:
    """A map of one value of every photograph of a split."""
    entries = index(folder).split(split)
    return {entry.id: np.full(entry.size, value, dtype=np.uint8) for entry in entries}


def write_weights(
    folder: Path, name: str, inputs: dict[str, str], value: float = 0.0, **options: str
) -> str:
    """Weights and history as a training leaves them; the path of the weights comes back."""
    (folder / name).mkdir(exist_ok=True)
    description = {
        "kind": "classifier" if name == "classifier" else "network",
        "classes": ["cat"],
        "palette": [[0, 0, 0], [9, 9, 9]],
        "longest_side": 64,
        "model": {"backbone": "test_efficientnet"},
        "inputs": {key: file_digest(folder / source) for key, source in inputs.items()},
        "options": {"labels": "pseudo", "start_from": "previous", **options},
    }
    path = f"{name}/weights.safetensors"
    save_file({"x": np.full(1, value)}, folder / path, description_metadata(description))
    pd.DataFrame({"step": [0], "loss": [1.0]}).to_csv(folder / name / "history.csv", index=False)
    return path


def write_report(folder: Path) -> None:
    (folder / "report").mkdir(exist_ok=True)
    rounds = range(ROUNDS + 1)
    metrics = gather({r: read_text_table(folder / f"round{r}/metrics.csv") for r in rounds})
    metrics.to_csv(folder / "report/metrics.csv", index=False)
    (folder / "report/index.html").write_text("<html></html>")


def index(folder: Path) -> Index:
    return read_index(folder / "index.h5")


def age(*paths: Path, seconds: float = LONG_AGO) -> None:
    """Let files, and all in folders, have been written so long ago."""
    then = time.time() - seconds
    for path in paths:
        for file in (path, *path.rglob("*")):
            os.utime(file, (then, then))


def say(folder: Path, log: str, *lines: str) -> Path:
    """Write a job's log."""
    path = folder / "logs" / f"{log}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def rows(folder: Path) -> dict[tuple[str, int | None], JobState]:
    return {(row.stage, row.round): row for row in job_states(folder)}


def not_done(folder: Path) -> dict[tuple[str, int | None], tuple[str, str]]:
    """(state, why) of every row that is not done."""
    return {k: (row.state, row.why) for k, row in rows(folder).items() if row.state != "done"}
