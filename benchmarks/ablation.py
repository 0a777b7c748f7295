"""The paper's ablation: what branches, affinity and rounds are worth, over three seeds.

    .venv/bin/python benchmarks/ablation.py                          # on generated scenes
    .venv/bin/python benchmarks/ablation.py path/to/voc-animals      # on its small lists

All networks share data, saliency, classifier and first labels; only their own training has a seed.
Writes benchmarks/ablation-{shapes,voc-animals}.md.
"""

import argparse
from pathlib import Path

from measure import SIDE_BY_SIDE, machine, results, run_workflow

PRESET = "workflow/presets/voc-animals.yaml"
SHAPES_ROUNDS = 5
"""As many as the paper's table has; the photographs have those of their preset."""


def main() -> None:
    """Train all networks and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, nargs="?", help="folder of voc-animals")
    root = parser.parse_args().root
    name = "shapes" if root is None else "voc-animals"

    run = f"bench-ablation-{name}"
    if root is None:
        run_workflow({"run": run, "rounds": SHAPES_ROUNDS}, "ablation", *SIDE_BY_SIDE)
    else:
        config = {"run": run, "index": {"voc": {"root": str(root.resolve())}}}
        run_workflow(config, "ablation", "--configfile", PRESET, *SIDE_BY_SIDE)

    page = document(name, (results(run) / "ablation/table.md").read_text(encoding="utf-8"))
    (Path(__file__).parent / f"ablation-{name}.md").write_text(page, encoding="utf-8")
    print(page)


def document(name: str, table: str) -> str:
    """The page of results, Markdown."""
    command, data = "benchmarks/ablation.py path/to/voc-animals", ""
    if name == "shapes":
        command = "benchmarks/ablation.py"
        data = f"The demo's configuration with `rounds: {SHAPES_ROUNDS}`.\n"
    return f"""# The paper's ablation on {name}

`.venv/bin/python {command}` on {machine()}.

mIoU of predictions on the val images at a single scale, without CRF, percent: mean and standard
deviation of three seeds of training; beside it what the paper reports for VOC 2012 val.
{data}
{table}"""


if __name__ == "__main__":
    main()
