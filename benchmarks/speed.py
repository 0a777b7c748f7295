"""How much faster and smaller than the plain form: `make bench`.

    .venv/bin/python benchmarks/speed.py [FOLDER]

FOLDER holds photographs; without it generated scenes are taken. Every figure is the median of
rounds in which the plain form (benchmarks/reference.py) and ours take turns, on all cores that the
process may use. Peak memory is that of a process of its own. Writes benchmarks/speed.md.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import reference
import torch
from measure import ROUNDS, in_turns, machine
from speed_data import CLASSES, IMAGES, REPEATED, SIZE, Data

from auxseg.config import (
    RefineOptions,
    SegmentationCrfOptions,
    TrainOptions,
    to_json,
)
from auxseg.crf import segmentation_crf
from auxseg.images import read_image
from auxseg.metrics import Confusion
from auxseg.nn.affinity import Affinity, CrossTaskAffinity
from auxseg.ops.crf import labels_that_matter
from auxseg.ops.postprocess import segment_image
from auxseg.parallel import process_map
from auxseg.report.tables import markdown
from auxseg.training.samples import CropDataset, Place

CORES = torch.get_num_threads()
PRECISIONS = ("32-true", "bf16-mixed")


@dataclass(frozen=True)
class Row:
    """One measure: the plain form's and ours, what they agree in."""

    what: str
    plain: str
    ours: str
    ratio: str
    agreement: str


def main() -> None:
    """Measure everything and write the page, or, as a child, one affinity's memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="photographs (.jpg)")
    parser.add_argument("--affinity", nargs=2, metavar=("FORM", "N"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.affinity:
        print(affinity_memory(arguments.affinity[0], int(arguments.affinity[1])))
        return
    with tempfile.TemporaryDirectory() as name:
        data = Data.make(Path(name), arguments.folder)
        rows: list[Row] = []
        for measure in (affinities, samples, evaluations, crfs, refinements):
            rows += measure(data)
            page = document(rows, arguments.folder)
            Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
            print(page, flush=True)


def compared(what: str, seconds: Sequence[float], agreement: str) -> Row:
    """A row of images a second, from what the plain form and ours take for an image."""
    plain, ours = (1 / value for value in seconds)
    return Row(what, f"{plain:.3g}/s", f"{ours:.3g}/s", f"{ours / plain:.1f} x", agreement)


def an_image(few: float, many: float) -> float:
    """Seconds an image of a form that starts processes: the start is in both and falls out."""
    return (many - few) / (IMAGES * (REPEATED - 1))


# Affinity -----------------------------------------------------------------------------------------


def affinities(_: Data) -> list[Row]:
    """Time where the dense form fits, memory where it hardly does, and where it does not."""
    rows = []
    plain, ours, maps = affinity_forms(41 * 41)
    with torch.inference_mode():
        difference = (plain(maps) - ours(maps)).abs().max().item()
        seconds = in_turns(lambda: plain(maps), lambda: ours(maps))
    rows.append(
        Row(
            "cross-task affinity, N = 1,681: time",
            f"{1000 * seconds[0]:.0f} ms",
            f"{1000 * seconds[1]:.0f} ms",
            f"{seconds[1] / seconds[0]:.2f} x the time",
            f"values to {difference:.0e}, gradients to {gradients(41 * 41):.0e} of the largest",
        )
    )
    for positions, forms in ((4096, ("plain", "ours")), (16384, ("ours",))):
        peaks = {form: float(child("--affinity", form, str(positions))) for form in forms}
        shown = [f"{peaks[form]:.0f} MiB" if form in peaks else "-" for form in ("plain", "ours")]
        ratio = f"{peaks['plain'] / peaks['ours']:.1f} x less" if "plain" in peaks else ""
        rows.append(Row(f"cross-task affinity, N = {positions:,}: peak memory", *shown, ratio, ""))
    return rows


def affinity_forms(positions: int) -> tuple[Callable, Callable, torch.Tensor]:
    """The plain form and ours, of the same features, and maps (N, 22) to apply them to."""
    torch.manual_seed(0)
    block = CrossTaskAffinity()
    theta, phi = torch.randn(2, 2, 128, positions) * 0.3
    maps = torch.rand(positions, CLASSES + 2)

    def of_task(task: int) -> Affinity:
        def rows(first: int, last: int) -> torch.Tensor:
            return torch.softmax(theta[task, :, first:last].T @ phi[task], dim=1)[None]

        return Affinity(rows, 1, positions)

    def ours(values: torch.Tensor) -> torch.Tensor:
        grid = values.T.reshape(1, values.shape[1], positions, 1)
        return block(of_task(0), of_task(1)).apply(grid).flatten(2)[0].T

    return partial(reference.dense_affinity, block, theta, phi), ours, maps


def gradients(positions: int) -> float:
    """The largest difference of the maps' gradients, by the largest gradient."""
    plain, ours, maps = affinity_forms(positions)
    found = []
    for form in (plain, ours):
        values = maps.clone().requires_grad_()
        form(values).square().sum().backward()
        found.append(values.grad)
    return float((found[0] - found[1]).abs().max() / found[0].abs().max())


def affinity_memory(form: str, positions: int) -> float:
    """MiB above what the process took before."""
    plain, ours, maps = affinity_forms(positions)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    with torch.inference_mode():
        (plain if form == "plain" else ours)(maps)
    return memory("VmHWM") - before


def memory(name: str) -> float:
    """MiB of this process: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith(f"{name}:"))
    return int(found.split()[1]) / 1024


def child(*arguments: str) -> str:
    """What this script prints in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# CRF ----------------------------------------------------------------------------------------------


def crfs(data: Data) -> list[Row]:
    """A segmentation into 21 labels."""
    options = SegmentationCrfOptions()
    jobs = list(zip(data.images, data.probabilities, strict=True))
    segment = partial(segment_image, sharpen=segmentation_crf(options, torch.device("cpu")))

    def ours(times: int) -> list[np.ndarray]:
        planes = process_map(segment, (pruned(*job) for job in jobs * times), CORES)
        return [labels[-1] for labels in planes]

    def plain() -> list[np.ndarray]:
        return [reference.crf(*job, options) for job in jobs]

    pairs = list(zip(plain(), ours(1), data.masks, strict=True))
    same = np.mean([(a == b).mean() for a, b, _ in pairs])
    plainly, few, many = in_turns(plain, partial(ours, 1), partial(ours, REPEATED))
    return [
        compared(
            f"CRF, 21 labels, 10 iterations, {CORES} cores",
            (plainly / IMAGES, an_image(few, many)),
            f"{100 * same:.3f} % of labels, mIoU differs by {miou_difference(pairs):.3f}",
        )
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
    """Crops of 321 pixels with labels (and, ours, saliency), on one core."""
    options = TrainOptions(crop_size=321)
    plain = reference.PlainSamples(data.files, data.label_files, options)
    ours = CropDataset(data.index.entries, options, 0, labels=data.labels, saliency=data.saliency)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    seconds = in_turns(
        lambda: [plain[i] for i in range(IMAGES)],
        lambda: [ours[Place(0, i, 0)] for i in range(IMAGES)],
    )
    torch.set_num_threads(CORES)
    return [
        compared("training samples, one core", [s / IMAGES for s in seconds], "drawn differently")
    ]


# Refinement ---------------------------------------------------------------------------------------


def refinements(data: Data) -> list[Row]:
    """Stage refine with EfficientNet-Lite0, from photographs to files, as a command."""
    options = RefineOptions(scales=(0.75, 1.0, 1.25), flip=True)
    folder = Path(tempfile.mkdtemp(dir=data.folder))

    def plain() -> None:
        for entry, saliency in zip(data.index.entries[:IMAGES], data.saliencies, strict=True):
            reference.refine(
                data.network,
                read_image(entry.image),
                np.flatnonzero(entry.labels),
                saliency / 255.0,
                options,
                folder / entry.id,
            )

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

    forms = [partial(ours, p, shards) for p in PRECISIONS for shards in (REPEATED, 1)]
    plainly, *others = in_turns(plain, *forms)
    return [
        compared(
            f"refinement, EfficientNet-Lite0, {precision}, {CORES} cores",
            (plainly / IMAGES, an_image(few, many)),
            "",
        )
        for precision, few, many in zip(PRECISIONS, others[::2], others[1::2], strict=True)
    ]


# Evaluation ---------------------------------------------------------------------------------------


def evaluations(data: Data) -> list[Row]:
    """The confusion matrix of 21 classes."""
    from torchmetrics.classification import MulticlassConfusionMatrix

    predicted = [p.argmax(axis=0).astype(np.uint8) for p in data.probabilities]

    def plain() -> np.ndarray:
        matrix = MulticlassConfusionMatrix(CLASSES + 1, ignore_index=255)
        for truth, guess in zip(data.masks, predicted, strict=True):
            matrix.update(torch.from_numpy(guess).long(), torch.from_numpy(truth).long())
        return matrix.compute().numpy()

    def ours() -> np.ndarray:
        counts = Confusion(CLASSES + 1)
        for truth, guess in zip(data.masks, predicted, strict=True):
            counts.add(truth, guess)
        return counts.counts[:, :-1]

    same = "same numbers" if np.array_equal(plain(), ours()) else "OTHER NUMBERS"
    seconds = [s / IMAGES for s in in_turns(plain, ours)]
    return [compared("confusion matrix", seconds, same)]


def document(rows: list[Row], folder: Path | None) -> str:
    """The page of results, Markdown."""
    header = ["", "plain form", "ours", "ratio", "agreement"]
    cells = [[row.what, row.plain, row.ours, row.ratio, row.agreement] for row in rows]
    source = "Generated scenes" if folder is None else "Photographs of PASCAL VOC"
    argument = "" if folder is None else " path/to/photographs"
    return f"""# Faster and smaller than the plain form

`.venv/bin/python benchmarks/speed.py{argument}` on {machine()}.

{source}, resampled to {SIZE[1]} x {SIZE[0]} pixels; probabilities of 21 labels, of which three
matter in an image. Medians of {ROUNDS} rounds in which the plain form (benchmarks/reference.py:
dense, batch 1, serial CRF on all labels, float64 preprocessing, PNG and .npy files) and ours take
turns; without the start of processes, which ours has once a stage.

{markdown(header, cells)}
"""


if __name__ == "__main__":
    main()
