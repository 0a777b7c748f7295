"""How much faster and smaller than the plain form: `make bench`.

    .venv/bin/python benchmarks/speed.py [FOLDER]

FOLDER holds photographs; without it generated scenes are taken. Every figure is the median of
rounds in which the plain form (benchmarks/reference.py) and ours take turns, on all cores that the
process may use. Peak memory is that of a process of its own. Writes benchmarks/speed.md.
"""

import argparse
import shutil
import subprocess
import tempfile
from functools import partial
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import reference
import speed_affinity
import torch
from measure import ROUNDS, Row, compared, in_turns, machine
from speed_data import CLASSES, IMAGES, REPEATED, SIZE, Data, likely

from auxseg.config import (
    RefineOptions,
    SegmentationCrfOptions,
    TrainOptions,
    to_json,
)
from auxseg.crf import segmentation_crf
from auxseg.images import read_image
from auxseg.metrics import Confusion
from auxseg.nn.network import normalise
from auxseg.ops.crf import labels_that_matter
from auxseg.ops.postprocess import segment_image
from auxseg.parallel import process_map
from auxseg.report.tables import markdown
from auxseg.store import MapReader
from auxseg.training.samples import CropDataset, Place

CORES = torch.get_num_threads()
PRECISIONS = ("32-true", "bf16-mixed")


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="photographs (.jpg)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = Data.make(Path(name), arguments.folder)
        rows = speed_affinity.rows()
        for measure in (samples, evaluations, crfs, refinements):
            rows += measure(data)
            page = document(rows, arguments.folder)
            Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
            print(page, flush=True)


def an_image(few: float, many: float) -> float:
    """Seconds an image of a form that starts processes: the start is in both and falls out."""
    return (many - few) / (IMAGES * (REPEATED - 1))


# CRF ----------------------------------------------------------------------------------------------


def crfs(data: Data) -> list[Row]:
    """A segmentation into 21 labels."""
    options = SegmentationCrfOptions()
    jobs = list(zip(data.images, data.probabilities, strict=True))
    segment = partial(segment_image, sharpen=segmentation_crf(options, torch.device("cpu")))

    def ours(times: int, cores: int = CORES) -> list[np.ndarray]:
        planes = process_map(segment, (pruned(*job) for job in jobs * times), cores)
        return [labels[-1] for labels in planes]

    def plain() -> list[np.ndarray]:
        return [reference.crf(*job, options) for job in jobs]

    pairs = list(zip(plain(), ours(1), data.masks, strict=True))
    same = np.mean([(a == b).mean() for a, b, _ in pairs])
    kept = np.mean([len(labels_that_matter(p)) for p in data.probabilities])
    plainly, alone, few, many = in_turns(
        plain, partial(ours, 1, 1), partial(ours, 1), partial(ours, REPEATED)
    )
    what = f"CRF, 21 labels of which {kept:.3g} matter, 10 iterations, "
    agreement = f"{100 * same:.3f} % of labels, mIoU differs by {miou_difference(pairs):.3f}"
    return [
        compared(f"{what}one core", (plainly / IMAGES, alone / IMAGES), agreement),
        compared(
            f"{what}plain form on one core, ours on {CORES}",
            (plainly / IMAGES, an_image(few, many)),
            agreement,
        ),
    ]


def pruned(image: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, ...]:
    """As stage predict hands an image to the processes beside the network."""
    kept = labels_that_matter(probabilities)
    planes = np.stack([probabilities.argmax(axis=0).astype(np.uint8)] * 2)
    return image, planes, probabilities[kept], kept.astype(np.uint8)


def miou_difference(pairs: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    """Of both forms' labels, in percent, against the true masks."""
    found = []
    for form in (0, 1):
        counts = Confusion(CLASSES + 1)
        for pair in pairs:
            counts.add(pair[2], pair[form].astype(np.uint8))
        found.append(100 * np.nanmean(counts.iou()))
    return abs(found[0] - found[1])


# Training's input ---------------------------------------------------------------------------------


def samples(data: Data) -> list[Row]:
    """Crops of 321 pixels with labels and saliency, on one core."""
    options = TrainOptions(crop_size=321)
    files = (data.files, data.label_files, data.saliency_files, options)
    plain = [reference.PlainSamples(*files, precision) for precision in (np.float64, np.float32)]
    ours = CropDataset(data.index.entries, options, 0, labels=data.labels, saliency=data.saliency)
    epochs = count()

    def normalised(epoch: int) -> torch.Tensor:
        crops = [ours[place]["image"] for place in places(epoch)]
        return normalise(torch.stack(crops), data.network.backbone)

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    *plainly, taken = in_turns(
        *(partial(drawn, form) for form in plain),
        lambda: normalised(next(epochs)),
    )
    cv2.setNumThreads(CORES)
    torch.set_num_threads(CORES)
    names = ("float64", "float32")
    return [
        compared(
            f"training samples, one core, plain form in {name}",
            (seconds / IMAGES, taken / IMAGES),
            "drawn differently",
        )
        for name, seconds in zip(names, plainly, strict=True)
    ]


def places(epoch: int) -> list[Place]:
    """One sample of each image, drawn anew in every epoch."""
    return [Place(epoch, number, 0) for number in range(IMAGES)]


def drawn(samples: reference.PlainSamples) -> list[dict[str, torch.Tensor]]:
    """One sample of each image."""
    return [samples[number] for number in range(IMAGES)]


# Refinement ---------------------------------------------------------------------------------------


def refinements(data: Data) -> list[Row]:
    """Stage refine with EfficientNet-Lite0, from photographs to files, as a command.

    Of weights that are random the labels say nothing; saliency, half of it the coarse, does.
    """
    options = RefineOptions(scales=(0.75, 1.0, 1.25), flip=True)
    folder = Path(tempfile.mkdtemp(dir=data.folder))

    def plain() -> list[np.ndarray]:
        return [
            reference.refine(
                data.network,
                read_image(entry.image),
                np.flatnonzero(entry.labels),
                saliency / 255.0,
                options,
                folder / entry.id,
            )
            for entry, saliency in zip(data.index.entries[:IMAGES], data.saliencies, strict=True)
        ]

    def ours(precision: str, shards: int) -> None:
        shutil.rmtree(folder / "shards", ignore_errors=True)
        chosen = options.model_copy(update={"precision": precision})
        command = [
            *("auxseg", "refine", "--threads", str(CORES), "--device", "cpu"),
            *("--index", data.folder / "index.h5", "--saliency", data.saliency),
            *("--weights", data.folder / "weights.safetensors"),
            *("--labels", folder / "shards/labels.h5", "--shard", f"1/{shards}"),
            *("--refined-saliency", folder / "shards/saliency.h5", "--options", to_json(chosen)),
        ]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

    def agreement(precision: str) -> str:
        ours(precision, 1)
        with MapReader(folder / "shards/saliency.h5") as maps:
            found = [maps.read(entry.id) / 255 for entry in data.index.entries[:IMAGES]]
        apart = np.mean([abs(a - b).mean() for a, b in zip(found, plain(), strict=True)])
        return f"saliency, half of it the coarse, to {apart:.3f} of 1 on average"

    forms = [partial(ours, p, shards) for p in PRECISIONS for shards in (REPEATED, 1)]
    plainly, *others = in_turns(plain, *forms)
    return [
        compared(
            f"refinement, EfficientNet-Lite0, {precision}, {CORES} cores",
            (plainly / IMAGES, an_image(few, many)),
            agreement(precision),
        )
        for precision, few, many in zip(PRECISIONS, others[::2], others[1::2], strict=True)
    ]


# Evaluation ---------------------------------------------------------------------------------------


def evaluations(data: Data) -> list[Row]:
    """The confusion matrix of 21 classes: against torchmetrics, and against np.bincount."""
    from torchmetrics.classification import MulticlassConfusionMatrix

    predicted = [likely(IMAGES + n).argmax(axis=0).astype(np.uint8) for n in range(IMAGES)]
    pairs = list(zip(data.masks, predicted, strict=True))

    def torchmetrics() -> np.ndarray:
        matrix = MulticlassConfusionMatrix(CLASSES + 1, ignore_index=255)
        for truth, guess in pairs:
            matrix.update(torch.from_numpy(guess).long(), torch.from_numpy(truth).long())
        return matrix.compute().numpy()

    def bincount() -> np.ndarray:
        return sum(reference.confusion(*pair, CLASSES + 1) for pair in pairs)

    def ours() -> np.ndarray:
        counts = Confusion(CLASSES + 1)
        for pair in pairs:
            counts.add(*pair)
        return counts.counts[:, :-1]

    *plainly, taken = in_turns(torchmetrics, bincount, ours)
    rows = []
    for plain, seconds in zip((torchmetrics, bincount), plainly, strict=True):
        same = "same numbers" if np.array_equal(plain(), ours()) else "OTHER NUMBERS"
        what = f"confusion matrix, plain form by {plain.__name__}"
        rows.append(compared(what, (seconds / IMAGES, taken / IMAGES), same))
    return rows


def document(rows: list[Row], folder: Path | None) -> str:
    """The page of results, Markdown."""
    header = ["", "plain form", "ours", "ratio", "agreement"]
    cells = [[row.what, row.plain, row.ours, row.ratio, row.agreement] for row in rows]
    source = "Generated scenes" if folder is None else "Photographs"
    argument = "" if folder is None else " path/to/photographs"
    return f"""# Faster and smaller than the plain form

`.venv/bin/python benchmarks/speed.py{argument}` on {machine()}.

{source}, resampled to {SIZE[1]} x {SIZE[0]} pixels; probabilities of 21 labels are made up, with as
many that matter in an image as in those of a network trained on photographs (about three). Medians
of {ROUNDS} rounds in which the plain form (benchmarks/reference.py: dense, batch 1, serial CRF on
all labels, preprocessing of whole photographs, PNG and .npy files) and ours take turns; without the
start of processes, which ours has once a stage. Peak memory is above what weights, features and
maps take, the median of {ROUNDS} processes. torchmetrics checks its input, as ours does, and
np.bincount does not.

{markdown(header, cells)}
"""


if __name__ == "__main__":
    main()
