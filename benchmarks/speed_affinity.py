"""The cross-task affinity in blocks beside the whole one: a part of the benchmark of speed.

As a program it prints the MiB that one form takes: FORM (plain or ours) and N.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import reference
import torch
from measure import ROUNDS, Row, in_turns
from speed_data import CLASSES

from auxseg.nn.affinity import Affinity, CrossTaskAffinity


def rows() -> list[Row]:
    """Time where the dense form fits, memory where it hardly does, and where it does not."""
    _, _, plain, ours, maps = forms_of(41 * 41)
    with torch.inference_mode():
        difference = (plain(maps) - ours(maps)).abs().max().item()
        seconds = in_turns(lambda: plain(maps), lambda: ours(maps))
    found = [
        Row(
            "cross-task affinity, N = 1,681: time",
            f"{1000 * seconds[0]:.0f} ms",
            f"{1000 * seconds[1]:.0f} ms",
            f"{seconds[1] / seconds[0]:.2f} x the time",
            f"values to {difference:.0e}, gradients to {gradients(41 * 41):.0e} of the largest",
        )
    ]
    for positions, forms in ((4096, ("plain", "ours")), (16384, ("ours",))):
        peaks = {form: peak(form, positions) for form in forms}
        shown = [f"{peaks[form]:.0f} MiB" if form in peaks else "-" for form in ("plain", "ours")]
        ratio = f"{peaks['plain'] / peaks['ours']:.1f} x less" if "plain" in peaks else ""
        found.append(Row(f"cross-task affinity, N = {positions:,}: peak memory", *shown, ratio, ""))
    return found


def forms_of(
    positions: int,
) -> tuple[CrossTaskAffinity, torch.Tensor, Callable, Callable, torch.Tensor]:
    """Weights and features, the plain form and ours of them, and maps (N, 22) for both."""
    torch.manual_seed(0)
    block = CrossTaskAffinity()
    features = torch.randn(2, 2, 128, positions) * 0.3
    maps = torch.rand(positions, CLASSES + 2)

    def of_task(task: int) -> Affinity:
        def rows(first: int, last: int) -> torch.Tensor:
            theta, phi = features[:, task]
            return torch.softmax(theta[:, first:last].T @ phi, dim=1)[None]

        return Affinity(rows, 1, positions)

    def ours(values: torch.Tensor) -> torch.Tensor:
        grid = values.T.reshape(1, values.shape[1], positions, 1)
        return block(of_task(0), of_task(1)).apply(grid).flatten(2)[0].T

    def plain(values: torch.Tensor) -> torch.Tensor:
        return reference.dense_affinity(block, *features, values)

    return block, features, plain, ours, maps


def gradients(positions: int) -> float:
    """The largest difference of any gradient, by that gradient's largest: weights and maps."""
    found = []
    for form in (0, 1):
        block, features, *forms, maps = forms_of(positions)
        learnt = [features, maps, *block.parameters()]
        for values in learnt:
            values.requires_grad_()
        found.append(torch.autograd.grad(forms[form](maps).square().sum(), learnt))
    pairs = zip(*found, strict=True)
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)


def peak(form: str, positions: int) -> float:
    """MiB, the median of processes of their own: memory that is given back late differs."""
    peaks = (float(child(form, str(positions))) for _ in range(ROUNDS))
    return median(peaks)


def memory_of(form: str, positions: int) -> float:
    """MiB above what the process took before."""
    _, _, plain, ours, maps = forms_of(positions)
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


if __name__ == "__main__":
    print(memory_of(sys.argv[1], int(sys.argv[2])))
