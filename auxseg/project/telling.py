"""What was found and written, in words for the user."""

from collections import Counter
from collections.abc import Iterator, Sequence

from auxseg.config import Config
from auxseg.datasets.doubts import classes_without_photographs
from auxseg.datasets.photographs import passed_over
from auxseg.datasets.record import Dataset
from auxseg.datasets.summary import summary
from auxseg.errors import UserError, did_you_mean
from auxseg.project.estimate import in_words, seconds_of
from auxseg.project.plan import Plan
from auxseg.saliency_models import onnx_runtime, packaged_model

_FEW, _MEASURED = 5, 50
"""Training photographs of a class: fewer are doubtful; of fewer nothing was measured."""
_SHOWN = 8


def heading(plan: Plan, command: str) -> str:
    """Lines for the top of config.yaml."""
    gpu = "with a GPU" if plan.machine.gpu else "without a GPU"
    return (
        f"Written by `auxseg new` for {plan.count('train')} photographs to train on, on a machine "
        f"{gpu}.\n\n  {command}\n\n"
        f"Keys that are left out have the values of config.yaml beside the Snakefile."
    )


def told(plan: Plan, config: Config, command: str) -> str:
    """All that is said after a project was written."""
    asked = plan.asked
    lines = [
        *_found(plan),
        *(f"doubtful: {doubt}" for doubt in _doubts(plan)),
        f"wrote {asked.table} and {asked.config}: look at them, and change what you like",
        *_time(plan, config),
        "",
        f"Run it:  {command}",
    ]
    return "\n".join(lines)


def _doubts(plan: Plan) -> Iterator[str]:
    """All sentences on what may want to be mended."""
    yield from _label_doubts(plan.data)
    yield from plan.contradictions[:_SHOWN]
    if (more := len(plan.contradictions) - _SHOWN) > 0:
        yield f"{more} more masks show other classes than the labels."
    if doubt := passed_over(plan.asked.images):
        yield doubt
    yield from _lacking()


def _label_doubts(data: Dataset) -> list[str]:
    """Sentences on what a user may want to mend, but need not."""
    doubts = classes_without_photographs(data)
    train = [record for record in data.records if record.split == "train"]
    counts = Counter(k for record in train for k in record.labels)
    few = [_few(data.classes, k, counts[k]) for k in sorted(counts) if counts[k] < _FEW]
    if few:
        doubts.append(f"few training photographs, below {_FEW}: {', '.join(few)}; add some.")
    fewer = [f"{data.classes[k]} ({n})" for k, n in sorted(counts.items()) if _FEW <= n < _MEASURED]
    if fewer:
        doubts.append(
            f"fewer than {_MEASURED} training photographs: {', '.join(fewer)}; no figure in "
            f"README is of so few, so that masks may be worse."
        )
    for k in sorted(counts):
        if counts[k] == len(train):
            doubts.append(
                f"every training photograph shows {data.classes[k]!r}, so that nothing teaches "
                f"what is not one; add photographs of other classes."
            )
    return doubts


def _few(classes: Sequence[str], k: int, count: int) -> str:
    """`Catt (1; did you mean 'Cat'?)`: a rare name may be a slip."""
    hint = did_you_mean(classes[k], [name for name in classes if name != classes[k]])
    return f"{classes[k]} ({count}{hint.replace(' (', '; ').removesuffix(')')})"


def _lacking() -> Iterator[str]:
    """Sentences on what must be installed before the run."""
    for needed in (packaged_model, lambda: onnx_runtime("u2netp")):
        try:
            needed()
        except UserError as error:
            yield str(error)


def _found(plan: Plan) -> Iterator[str]:
    data, found, sides = plan.data, plan.found, plan.sides
    sizes = f"{min(sides)} to {max(sides)}" if min(sides) < max(sides) else str(max(sides))
    yield f"{len(sides)} photographs in {plan.asked.images}, longest sides of {sizes} pixels"
    yield f"labels of {found.source}: {found.format}"
    yield summary(data)
    if unseen := sorted(found.classes - set(data.classes)):
        yield f"classes that no photograph shows, left out: {_some(unseen)}"
    if unknown := [r.id for r in data.records if r.split == "test" and not r.labels]:
        yield f"photographs without a class, in split test: {_some(unknown)}"
    if not found.names_splits:
        yield (
            f"no split is named: {plan.count('train')} are trained on (train), {plan.count('val')} "
            f"with a mask held out for evaluation (val)"
        )


def _time(plan: Plan, config: Config) -> Iterator[str]:
    """About how long it takes, where that was measured."""
    if not plan.machine.gpu:
        predicted = plan.count("val") or plan.count("train")
        seconds = seconds_of(config, plan.count("train"), predicted, plan.typical_side)
        yield (
            f"it takes about {in_words(seconds)} on two cores that do nothing else, half as long "
            f"again on slower ones (benchmarks/costs.md); here are {plan.machine.cores}"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
