"""The jobs of a run that its files tell of: what each writes, from what, under which names.

They stand in the order of the data. How many rounds are to come only the configuration knows, which
is not in the folder: the rounds that have begun are told.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from auxseg.status.logs import unfinished_log
from auxseg.status.records import RunFiles, latest_change
from auxseg.store import ALL, Shard

_CLASSIFIER = "classifier/weights.safetensors"
_INDEX = {"index": "index.h5"}
_SHARD = re.compile(r"([1-9]\d*)_of_([1-9]\d*)(?=/|\.log$)")


@dataclass(frozen=True)
class Job:
    """One job of the workflow. Paths are relative to the run's folder.

    Attributes:
        stage: its name, with the folder where that is none of a round's, or the shard.
        round: the number in the name of the folder that it writes to; None outside of rounds.
        log: the name of its log and benchmark, without folder and suffix.
        outputs: the files that it leaves.
        inputs: name -> file, under the names by which outputs record digests.
        older: files that must be older than the outputs, which record no digests.
        photographs: it writes a map of each, as `RunFiles.photographs` counts them; empty where
            that is not known beforehand.
        shard: of the photographs.
    """

    stage: str
    round: int | None
    log: str
    outputs: tuple[str, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    older: tuple[str, ...] = ()
    photographs: str = ""
    shard: Shard = ALL


def jobs_of(run: RunFiles) -> list[Job]:
    """All jobs but those of shards."""
    last = _last_round(run.folder)
    trained = last if last == 0 or _is_trained(run.folder, last) else last - 1
    jobs = [*_before_rounds(run)]
    for number in range(last + 1):
        jobs += _round(run, number, trains=number <= trained)
    unread = {"cam.h5"} if _has_labels_of_files(run) else set()
    before = tuple(path for job in jobs for path in job.outputs if path not in unread)
    report = ("report/index.html", "report/metrics.csv")
    jobs.append(Job("report", None, "report", report, older=before))
    return [*jobs, *_on_request(run.folder, f"round{trained}/weights.safetensors")]


def shards_of(folder: Path, job: Job) -> list[Job]:
    """The shards of a job that have left something, of the number of shards that was last used."""
    places = [*folder.glob(f"logs/shards/{job.log}_*_of_*.log")]
    for output in job.outputs:
        places += (folder / output).parent.glob(f"shards/*_of_*/{Path(output).name}*")
    found: dict[tuple[int, int], float] = {}
    for place in places:
        if match := _SHARD.search(place.as_posix()):
            shard = int(match[2]), int(match[1])
            found[shard] = max(found.get(shard, 0), latest_change([place]))
    last_used = max(found, key=found.__getitem__)[0] if found else 0
    return [_shard(job, Shard(number, of)) for of, number in sorted(found) if of == last_used]


def _shard(job: Job, shard: Shard) -> Job:
    return replace(
        job,
        stage=f"{job.stage} {shard}",
        log=f"shards/{job.log}_{shard.number}_of_{shard.of}",
        outputs=tuple(str(shard.file(Path(path))) for path in job.outputs),
        shard=shard,
    )


def _has_labels_of_files(run: RunFiles) -> bool:
    """Whether the first labels are another method's, so that no CAM is read."""
    labels = run.record("round0/labels.h5")
    return labels is not None and not labels.fault and "cam" not in labels.inputs


def _before_rounds(run: RunFiles) -> Iterator[Job]:
    index = run.record("index.h5")
    packed = (run.folder / "images.h5").exists() or (index is not None and index.packed)
    yield Job("index", None, "index", ("index.h5", "images.h5") if packed else ("index.h5",))
    yield Job("masks", None, "masks", ("masks.h5",), _INDEX)
    yield Job("saliency", None, "saliency", ("saliency.h5",), _INDEX, photographs="train")
    yield Job("classify", None, "classify", (_CLASSIFIER, "classifier/history.csv"), _INDEX)
    if not _has_labels_of_files(run) or (run.folder / "cam.h5").exists():
        inputs = {**_INDEX, "weights": _CLASSIFIER}
        yield Job("cam", None, "cam", ("cam.h5",), inputs, photographs="train")
    inputs = {**_INDEX, "cam": "cam.h5", "saliency": "saliency.h5"}
    yield Job("seed", 0, "seed", ("round0/labels.h5",), inputs, photographs="train")


def _round(run: RunFiles, number: int, *, trains: bool) -> Iterator[Job]:
    """The jobs of a round; the last one may have labels alone, which the last network made."""
    folder, before = f"round{number}", f"round{number - 1}/weights.safetensors"
    labels, saliency = f"{folder}/labels.h5", "saliency.h5"
    predictions = f"{folder}/predictions.h5"
    if number > 0:
        inputs = {**_INDEX, "weights": before, "saliency": saliency}
        saliency = f"{folder}/saliency.h5"
        outputs = (labels, saliency)
        yield Job("refine", number, f"refine_{folder}", outputs, inputs, photographs="train")
    if trains:
        weights = f"{folder}/weights.safetensors"
        record = run.record(weights)
        options = record.options if record is not None else {}
        of_classifier = number == 0 or options.get("start_from") == "classifier"
        inputs = {
            **_INDEX,
            "labels": "masks.h5" if options.get("labels") == "masks" else labels,
            "saliency": saliency,
            "initial_weights": _CLASSIFIER if of_classifier else before,
        }
        outputs = (weights, f"{folder}/history.csv")
        yield Job("train", number, f"train_{folder}", outputs, inputs)
        inputs = {**_INDEX, "weights": weights}
        log = f"predict_{folder}"
        yield Job("predict", number, log, (predictions,), inputs, photographs="evaluation")
    scored = (labels, saliency, *([predictions] if trains else []))
    yield _scoring("evaluate", number, f"evaluate_{folder}", folder, scored)


def _on_request(folder: Path, weights: str) -> Iterator[Job]:
    """What `snakemake pseudo_masks` and `snakemake predict_test` make, where that has begun."""
    inputs = {**_INDEX, "weights": weights}
    masks, test = ("pseudo_masks/predictions.h5",), ("test/predictions.h5",)
    if _holds_something(folder / "pseudo_masks") or unfinished_log(folder, "predict_labelled"):
        stage, log = "predict pseudo_masks", "predict_labelled"
        yield Job(stage, None, log, masks, inputs, photographs="labelled")
        yield _scoring("evaluate pseudo_masks", None, "evaluate_labelled", "pseudo_masks", masks)
    if _holds_something(folder / "test") or unfinished_log(folder, "predict_test"):
        yield Job("predict test", None, "predict_test", test, inputs, photographs="test")


def _scoring(stage: str, number: int | None, log: str, folder: str, scored: tuple[str, ...]) -> Job:
    outputs = (f"{folder}/metrics.csv", f"{folder}/per_class.csv")
    return Job(stage, number, log, outputs, older=("index.h5", "masks.h5", *scored))


def _last_round(folder: Path) -> int:
    """The highest round that has begun; 0 where none has."""
    begun = {path.name for path in folder.glob("round*") if _holds_something(path)}
    logs = {path.stem for path in folder.glob("logs/*_round*.log")}
    begun |= {name for name in logs if unfinished_log(folder, name)}
    found = (re.search(r"round(0|[1-9]\d*)$", name) for name in begun)
    return max((int(match[1]) for match in found if match), default=0)


def _is_trained(folder: Path, number: int) -> bool:
    """Whether a round has a training, as far as one has begun."""
    names = ("weights.safetensors", "checkpoint.pt", "tensorboard", "predictions.h5")
    there = any((folder / f"round{number}" / name).exists() for name in names)
    return there or unfinished_log(folder, f"train_round{number}") is not None


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
