"""Do several processes that share every batch learn what one learns from all of it?

    python benchmarks/processes.py results/RUN

Trains the first round of a finished run for two epochs anew, by 1, 2 and 4 processes on the
processor, and by one on a single core. Writes benchmarks/processes.md.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml
from measure import as_table, machine

from auxseg.description import read_description

WAYS = {
    "one process, two cores": (1, 2),
    "one process, one core": (1, 1),
    "two processes": (2, 2),
    "four processes": (4, 2),
}
"""Name -> processes, cores; the first is what the others are compared with."""
EPOCHS = 2
STEPS = (1, 5, 10, 20)


def main(run: Path) -> None:
    """Train, compare, write the page."""
    with tempfile.TemporaryDirectory() as folder:
        losses = {
            name: train(run, *way, Path(folder) / str(number))
            for number, (name, way) in enumerate(WAYS.items())
        }
    first = next(iter(losses.values()))
    rows = {}
    for name, found in losses.items():
        apart = ((found - first) / first).abs().max(axis=1)
        by_epoch = (found["loss"][-len(first) // EPOCHS :]).mean()
        rows[name] = {
            **{f"step {step}": apart.iloc[step - 1] for step in STEPS},
            "last epoch's mean loss": by_epoch,
        }
    page = document(pd.DataFrame(rows).T)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def train(run: Path, count: int, cores: int, folder: Path) -> pd.DataFrame:
    """The losses of each step."""
    folder.mkdir()
    about = read_description(run / "round0/weights.safetensors")
    options = {**about["options"], "epochs": EPOCHS, "model": about["model"]}
    command = [
        *("auxseg", "train", "--device", "cpu", "--devices", count, "--threads", cores),
        *("--index", run / "index.h5", "--labels", run / "round0/labels.h5"),
        *("--saliency", run / "saliency.h5"),
        *("--initial-weights", run / "classifier/weights.safetensors", "--round-number", "0"),
        *("--weights", folder / "weights.safetensors", "--history", folder / "history.csv"),
        *("--options", yaml.safe_dump(options)),
    ]
    subprocess.run([str(word) for word in command], check=True)
    history = pd.read_csv(folder / "history.csv")
    return history.drop(columns=["epoch", "step", "learning_rate"])


def document(table: pd.DataFrame) -> str:
    """The page."""
    return f"""# Training in several processes

`python benchmarks/processes.py results/RUN` on {machine()}.

The largest relative difference of any loss, to one process on two cores. Batch norm is frozen, so
that nothing but round-off is left; training lets it grow, between processes as between cores.

{as_table(table)}
"""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
