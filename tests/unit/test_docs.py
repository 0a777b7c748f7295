"""The documentation says what is so: its names, keys, commands, figures and programs."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import h5py
import pytest

from auxseg.ablation import ROWS
from auxseg.cli import cli
from auxseg.config import Config, FolderOptions, parse_config
from auxseg.config.keys import keys_of
from auxseg.datasets import folder
from auxseg.description import read_description
from auxseg.stages import STAGES
from auxseg.stages.evaluate import CLASS_COLUMNS, METRIC_COLUMNS
from tests.processes import ROOT

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
WRITTEN = {name: text for name, text in PAGES.items() if name != "config.md"}
EVERYTHING = "\n".join(WRITTEN.values())
PROGRAMS = [
    pytest.param(block, id=f"{name}-{number}")
    for name, text in WRITTEN.items()
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
]


@pytest.mark.parametrize("name", cli.commands)
def test_every_tool_is_told_of(name):
    assert f"auxseg {name}" in EVERYTHING


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_told_of(stage):
    assert f"`{stage}`" in EVERYTHING


@pytest.mark.parametrize("page", [*DOCS.glob("*.md"), ROOT / "README.md"], ids=lambda p: p.name)
def test_what_a_page_links_to_is_there(page):
    targets = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    relative = [target.partition("#")[0] for target in targets if "://" not in target]

    missing = [target for target in relative if target and not (page.parent / target).exists()]

    assert missing == []


@pytest.mark.parametrize("page", WRITTEN)
def test_a_page_names_keys_that_there_are(page):
    known = {key.name for key in keys_of(Config)}
    known |= {name.rpartition(".")[0] for name in known}
    sections = "|".join(Config.model_fields)
    named = re.findall(rf"`((?:{sections})\.[a-z_.]+)(?::[^`]*)?`", WRITTEN[page])

    unknown = {n for n in named if n.rpartition(".")[2] not in ("html", "log", "md", "txt", "h")}

    assert unknown - known == set()


@pytest.mark.parametrize("page", set(WRITTEN) - {"troubleshooting.md"})
def test_a_page_sets_keys_to_what_they_take(page):
    pairs = re.findall(r"'(\w+)=(\{[^']*\})'", WRITTEN[page])

    for section, values in pairs:
        if "..." not in values:
            parse_config({section: json.loads(values)})


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_in_a_page_runs(program, finished, tmp_path, monkeypatch):
    run = tmp_path / "results" / "mine"
    run.mkdir(parents=True)
    for file in finished.iterdir():
        (run / file.name).symlink_to(file)
    (run / "round1").unlink()
    (run / "round1").symlink_to(finished / "round0")  # which the pages' run of two rounds has last
    images = tmp_path / "my-photos" / "images"
    images.mkdir(parents=True)
    shutil.copy(DOCS / "browser-phone.jpg", images / "IMG_0412.jpg")
    monkeypatch.chdir(tmp_path)

    exec(compile(program, "page", "exec"), {})


def test_the_table_of_own_photographs_is_read_as_the_page_says(tmp_path):
    (table,) = re.findall(r"```csv\n(.*?)```", PAGES["own-data.md"], flags=re.DOTALL)
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")
    names = ("IMG_0412", "IMG_0413", "garden/IMG_0414", "IMG_0415")
    for name in names:
        photo = tmp_path / "images" / f"{name}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.touch()

    data = folder.load(FolderOptions(root=str(tmp_path)))

    assert data.faults == ()
    assert data.classes == ("cat", "dog", "polar bear", "sofa")
    assert [record.split for record in data.records] == ["train", "val", "train", "test"]


@pytest.mark.slow
def test_all_that_artifacts_hold_is_told(finished):
    held = {*METRIC_COLUMNS, *CLASS_COLUMNS}
    for path in finished.rglob("*.h5"):
        with h5py.File(path) as file:
            (group,) = file
            held |= {group, *file.attrs, *next(iter(file[group].values())).attrs}
            held |= set(file[group]) if group == "columns" else set()
    for path in finished.rglob("*.csv"):
        held |= set(path.read_text().partition("\n")[0].split(","))
    for path in finished.rglob("*.safetensors"):
        held |= read_description(path).keys()

    assert [name for name in held if f"`{name}`" not in PAGES["artifacts.md"]] == []


def test_a_cluster_is_asked_for_what_the_page_says():
    rules = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    asked = {
        name: (int(cores), int(memory) // 1000, int(minutes), int(gpus))
        for name, cores, memory, minutes, gpus in re.findall(
            r"^rule (\w+):\n(?:(?!^\w).*\n)*? +threads: (?:unless_joining\()?(\d+).*\n"
            r" +resources:\n +mem_mb=growing\((\d+)\),\n +runtime=(\d+),\n"
            r" +gpu=(?:unless_joining\()?(\d)",
            rules,
            flags=re.MULTILINE,
        )
    }
    rows = re.findall(
        r"^\| (`.+`) \| (\d+) \| (\d+) \| (\d+) \| (\d) \|$", PAGES["cluster.md"], re.MULTILINE
    )
    told = {
        name: tuple(int(number) for number in numbers)
        for names, *numbers in rows
        for name in re.findall(r"`(\w+)`", names)
    }

    assert told == {name: asked[name] for name in told}
    assert asked.keys() - told.keys() == {"ablation", "submission"}


def test_a_training_over_several_nodes_is_told_with_options_that_there_are():
    (script,) = re.findall(r"```bash\n(.*?)```", PAGES["cluster.md"], flags=re.DOTALL)
    words = shlex.split(script.partition("-m auxseg train")[2].replace("\\\n", ""))
    command = cli.get_command(click.Context(cli), "train")

    read = command.make_context("train", words).params

    assert read["threads"] == 32
    assert all(str(read[name]).startswith("results/voc12/") for name in ("index", "weights"))


def test_measured_figures_stand_in_the_page_that_a_row_names():
    rows = re.findall(r"^\|.*\[`(benchmarks/.+\.md)`\].*$", PAGES["reproduce.md"], re.MULTILINE)
    lines = [line for line in PAGES["reproduce.md"].splitlines() if "[`benchmarks/" in line]

    assert len(rows) == 5
    for file, line in zip(rows, lines, strict=True):
        measured = (ROOT / file).read_text(encoding="utf-8")
        figures = re.findall(r"\d+\.\d", line)
        assert figures
        assert [figure for figure in figures if figure not in measured] == []
        for number, figure in re.findall(r"round (\d) (\d+\.\d)", line):
            of_round = re.findall(rf"^\| (?:\w+, round )?{number} \|.*$", measured, re.MULTILINE)
            assert any(figure in row for row in of_round), f"{file}: round {number}, {figure}"


def rows_of_figures(text: str) -> list[tuple[str, ...]]:
    """The figures of each row of all tables."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [figures for line in lines if (figures := tuple(re.findall(r"\d[\d,.]*", line)))]


def test_the_readmes_tables_of_quality_are_rows_of_the_measured_pages():
    quality = README.split("## How good is it?")[1].split("\n## ")[0]
    for page, part in zip(("full", "mini"), quality.split("| mIoU, % |")[1:], strict=True):
        measured = rows_of_figures((ROOT / f"benchmarks/voc-animals-{page}.md").read_text())
        told = rows_of_figures(part)
        assert len(told) >= 3
        assert [row for row in told if row not in measured] == []


def test_the_readmes_table_of_speed_holds_figures_of_the_measured_page():
    speed = README.split("## How fast is it?")[1].split("\n## ")[0]
    measured = (ROOT / "benchmarks/speed.md").read_text(encoding="utf-8")
    figures = re.findall(r"\d+\.\d+", speed)
    assert len(figures) > 5
    assert [figure for figure in figures if figure not in measured] == []


def test_figures_of_generated_scenes_are_those_of_the_measured_page():
    measured = (ROOT / "benchmarks/shapes.md").read_text(encoding="utf-8")
    told = README.split("On generated scenes")[1].split("\n## ")[0]
    means = [row.split("|")[-2].strip() for row in re.findall(r"^\|.*\|$", measured, re.MULTILINE)]
    figures = re.findall(r"\d+\.\d", told.partition("One run takes")[0])
    assert len(figures) == 8
    assert [figure for figure in figures if figure not in means] == []

    shown = PAGES["index.md"].split("Predictions, val")[1].split("Pseudo labels")[0]
    first_seed = [re.search(rf"val, round {n} \| ([\d.]+)", measured)[1] for n in range(3)]
    assert [line.split()[2] for line in shown.splitlines()[2:5]] == first_seed


def test_what_choices_are_worth_follows_from_the_measured_page():
    page = (ROOT / "benchmarks/recipe.md").read_text()
    lines = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| "))
    last = {name: cell for name, *_, cell in lines}
    section = PAGES["reproduce.md"].split("choices are worth\n")[1].split("\n## ")[0]
    told = dict(re.findall(r"^\| (\w[^|]*?)(?: \([^|]*\))? \| ([\d.]+) \|$", section, re.MULTILINE))

    assert len(told) == 7
    for name, lost in told.items():
        assert float(last["the preset"]) - float(last[name]) == pytest.approx(float(lost)), name


def test_the_published_figures_are_those_of_the_ablation():
    assert [row.published for row in ROWS if str(row.published) not in PAGES["reproduce.md"]] == []


@pytest.mark.slow
def test_the_site_is_built_and_needs_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    subprocess.run([*command, "--site-dir", str(tmp_path)], cwd=ROOT, check=True)

    pages = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    loaded = r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"?(?:https?:)?//"
    assert len(pages) > len(PAGES)
    assert [path.name for path, text in pages.items() if re.search(loaded, text)] == []


def test_programs_that_pages_show_are_those_that_tests_run():
    shown = set(re.findall(r'--8<-- "(examples/\w+\.py)"', EVERYTHING))

    assert shown == {f"examples/{path.name}" for path in Path(ROOT / "examples").glob("*.py")}
