"""Real dry runs of the real Snakefile, in a copy of the project, read job by job."""

import json
import re
import subprocess
import sys

TEST_IMAGES = {"index": {"dataset": "voc", "voc": {"test_list": "test"}}}
FIRST_ROUND = ["train 0", "predict 0", "evaluate 0"]
LATER_ROUNDS = ["refine 1", "train 1", "predict 1", "evaluate 1", "refine 2", "evaluate 2"]
ALL_ROUNDS = [*FIRST_ROUND, *LATER_ROUNDS]
FIRST_LABELS = ["index", "saliency", "classify", "cam", "seed"]
ALL_JOBS = [*FIRST_LABELS, "masks", *ALL_ROUNDS, "report"]


def snakemake(folder, *arguments, **config):
    """Run Snakemake with two rounds; config as on its command line, sections as JSON."""
    values = {"rounds": 2, **config}
    pairs = [f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in values.items()]
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--config", *pairs],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def planned(folder, *arguments, **config):
    """{job: its description} of a dry run.

    A job is "cam"; of a round "train 1"; of a shard "cam_shard 1_of_3", or "refine_shard 1 1_of_3".
    """
    done = snakemake(folder, *arguments, "--dry-run", "--printshellcmds", **config)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = re.split(r"^rule (\w+):$", done.stdout + done.stderr, flags=re.MULTILINE)
    jobs = {}
    for rule, description in zip(parts[1::2], parts[2::2], strict=True):
        if "Shell command: auxseg" in description:
            number = re.search(r"wildcards:.* round=(\d+)", description)
            shard = re.search(r"/shards/(\d+_of_\d+)/", description.split("output: ")[1])
            place = [found[1] for found in (number, shard if "_shard" in rule else None) if found]
            jobs[" ".join([rule.removesuffix("_round"), *place])] = description
    return jobs


def plan(folder, *arguments, **config):
    return sorted(planned(folder, *arguments, **config))


def options_in(job):
    return re.search(r"--options (.*?) --threads", job)[1]
