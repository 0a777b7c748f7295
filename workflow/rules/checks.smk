"""The checked configuration, and all that ends Snakemake before anything runs."""

import sys
from pathlib import Path

from auxseg.ablation import changes_of
from auxseg.config import parse_config, refuse_repeated_keys
from auxseg.datasets.files import label_files
from auxseg.errors import UserError
from auxseg.preflight import absent, lacking
from snakemake.exceptions import WorkflowError
from snakemake.io import contains_wildcard


def checked_config():
    """The typed configuration; a faulty one ends Snakemake before anything runs."""
    try:
        for file in workflow.configfiles:
            refuse_repeated_keys(Path(file).read_text(encoding="utf-8"), str(file))
        parsed = parse_config(config)
        changes_of(parsed)
        refuse_braces(parsed)
        return parsed
    except UserError as error:
        print(f"auxseg: error: {error}", file=sys.stderr)
        sys.exit(2)


def refuse_braces(parsed):
    """Refuse names of inputs that Snakemake would read otherwise, and knows no way to write."""
    named = [(f"index.{parsed.index.dataset}", path) for path in label_files(parsed.index)]
    named.append(("model.weights", parsed.model.weights))
    named.append(("saliency.onnx.model", parsed.saliency.narrowed().onnx.model))
    for key, path in named:
        if path is not None and contains_wildcard(path):
            raise UserError(
                f"{key}: {path}: Snakemake takes a name in braces for a wildcard; rename the file or "
                f"its folder."
            )


def check_inputs(jobs):
    """End Snakemake where what jobs are to read is not there: it would first remove their outputs."""
    stages = [(job.rule.shellcmd.split()[1], job) for job in jobs if job.rule.shellcmd]
    trained = [config_of(job.wildcards).train for stage, job in stages if stage == "train"]
    on_masks = any(options.labels == "masks" for options in trained)
    if (fault := lacking(CONFIG, dict(stages), on_masks=on_masks)) is not None:
        raise WorkflowError(str(fault))


CONFIG = checked_config()

for note in absent(CONFIG):
    print(f"auxseg: note: {note}", file=sys.stderr)
