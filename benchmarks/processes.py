"""Do several processes that share every batch learn what one learns from all of it?

    python benchmarks/processes.py results/RUN

Trains the first round of a finished run for two epochs anew, by 1, 2 and 4 processes on the
processor. Writes benchmarks/processes.md.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml
from measure import as_table, machine

from auxseg.description import read_description

PROCESSES = (1, 2, 4)
EPOCHS = 2


def main(run: Path) -> None:
    """Train, compare, write the page."""
    with tempfile.TemporaryDirectory() as folder:
        trained = {count: train(run, count, Path(folder) / str(count)) for count in PROCESSES}
    alone, _ = trained[1]
    rows = {}
    for count, (losses, seconds) in trained.items():
        apart = ((losses - alone) / alone).abs()
        rows[str(count)] = {
            "largest relative difference of a loss": apart.to_numpy().max(),
            "mean": apart.to_numpy().mean(),
            "seconds": seconds,
        }
    page = document(pd.DataFrame(rows).T, len(alone))
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def train(run: Path, count: int, folder: Path) -> tuple[pd.DataFrame, float]:
    """The losses of each step, and the seconds of the training."""
    folder.mkdir()
    about = read_description(run / "round0/weights.safetensors")
    options = {**about["options"], "epochs": EPOCHS, "model": about["model"]}
    command = [
        *("auxseg", "train", "--device", "cpu", "--devices", count, "--threads", 2),
        *("--index", run / "index.h5", "--labels", run / "round0/labels.h5"),
        *("--saliency", run / "saliency.h5"),
        *("--initial-weights", run / "classifier/weights.safetensors"),
        *("--weights", folder / "weights.safetensors", "--history", folder / "history.csv"),
        *("--options", yaml.safe_dump(options)),
    ]
    start = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True)
    seconds = time.perf_counter() - start
    history = pd.read_csv(folder / "history.csv")
    return history.drop(columns=["epoch", "step", "learning_rate"]), seconds


def document(table: pd.DataFrame, steps: int) -> str:
    """The page."""
    return f"""# Training in several processes

`python benchmarks/processes.py results/RUN` on {machine()}.

All losses of {steps} steps, against those of one process. Batch norm is frozen, so that nothing but
round-off is left.

{as_table(table)}
"""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
