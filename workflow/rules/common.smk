"""What the rules share: how jobs are run, and the inputs and options that depend on the round."""

import functools
import os
import sys
from pathlib import Path

from auxseg.ablation import changes_of, compared, maker, rounds_of, seeds_of, variant_config
from auxseg.config import stage_options, to_json
from auxseg.datasets.files import data_folders, folder_digest, label_files, mask_folders
from snakemake.exceptions import WorkflowError

# Bash's strict mode, as by default; and a stage's last words reach its log where a signal ends all
# processes of a group.
shell.prefix("set -euo pipefail; tee() {{ (trap '' INT TERM; exec tee \"$@\"); }}; ")

# `auxseg` is found beside the Python that runs Snakemake, also where no environment is activated.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)


def config_of(wildcards):
    """The run's configuration, or that of the network it is compared with."""
    if "variant" not in wildcards.keys():
        return CONFIG
    return compared_config(wildcards.variant, int(wildcards.seed))


@functools.cache
def compared_config(variant, seed):
    """The configuration of a network that the run is compared with."""
    return variant_config(CONFIG, variant, seed)


@functools.cache
def maker_of(artifact, variant, seed, number):
    """The network that makes an artifact for another, or the run itself: ""."""
    return maker(CONFIG, artifact, variant, seed, number)


def of_round(wildcards, artifact, file, number):
    """Where a file of a round lies: with the run, or with the network that makes it for this one."""
    compared_with = "variant" in wildcards.keys()
    owner = compared_with and maker_of(artifact, wildcards.variant, int(wildcards.seed), number)
    folder = f"<run>/ablation/{owner}/{wildcards.seed}" if owner else "<run>"
    return f"{folder}/round{number}/{file}"


def options(stage, **used):
    """What a stage reads of the configuration, as the JSON of its --options.

    A function, since Snakemake would take braces in a plain text for wildcards.
    """
    return lambda wildcards: to_json(stage_options(config_of(wildcards), stage, **used))


def train_options(wildcards):
    """Likewise, of the round's training."""
    return options("train", first=int(wildcards.round) == 0)(wildcards)


def file_if_there(path):
    """A file that the configuration names, as an input; what is wrong with it its stage tells."""
    return path if path is not None and Path(path).is_file() else []


@functools.cache
def digest_of(*folders):
    """The digest of what folders hold, computed once a process."""
    return folder_digest(folders)


def folder_state(*folders):
    """What folders hold, as a param: a change reruns its stage.

    A function, so that a process that plans or runs another stage alone does not look at them.
    """
    return lambda wildcards: digest_of(*(Path(name) for name in folders if name))


def packed_images(path):
    """The file, or files, of packed photographs as an input or output, where they are packed."""
    return {"images": path} if CONFIG.index.pack else {}


def cam_weights(wildcards):
    """The classifier, unless another method's CAMs are taken."""
    return "<run>/classifier/weights.safetensors" if CONFIG.cam.source == "classifier" else []


def fused(path):
    """An input of the fusion, unless another method's labels are taken."""
    return path if CONFIG.seed.labels is None else []


def fused_saliency(path):
    """Likewise, unless the CAM alone decides."""
    return fused(path) if CONFIG.seed.use_saliency else []


def every_round(path):
    """A path with {round}, once for each training."""
    return expand(path, round=range(CONFIG.rounds))


def every_labelled_round(path):
    """A path with {round}, once for each set of pseudo labels: the last network makes one more."""
    return expand(path, round=range(CONFIG.labelled_rounds))


def every_shard(path):
    """A path with {shard} and {shards}, once for each; none where one job does it all."""
    numbers = range(1, CONFIG.shards + 1) if CONFIG.shards > 1 else []
    return expand(path, shard=numbers, shards=CONFIG.shards, allow_missing=True)


def shard_flag(wildcards, input):
    """Which images a job takes, for the shell; how many shards there are changes no result."""
    if "shard" in wildcards.keys():
        return f"--shard {wildcards.shard}/{wildcards.shards}"
    return f"--shards {CONFIG.shards}" if input.get("shards") else ""


def growing(amount):
    """Memory: twice as much for a second attempt, as the first may have lacked it."""
    return lambda wildcards, attempt: amount * attempt


def unless_joining(amount, joining):
    """What a stage's work takes, and what joining its shards takes."""
    return lambda wildcards, input: joining if input.get("shards") else amount


def made_from(*inputs):
    """The files that these functions name, as a param: another network's are a trigger.

    Which network makes what several would make alike depends on the configuration.
    """
    return lambda wildcards: [function(wildcards) for function in inputs]


def round_saliency(wildcards):
    """Coarse saliency in round 0, what the last network refined of it afterwards."""
    if int(wildcards.round) == 0:
        return "<run>/saliency.h5"
    return of_round(wildcards, "labels", "saliency.h5", int(wildcards.round))


def last_weights(wildcards):
    """The network of the round before."""
    return of_round(wildcards, "weights", "weights.safetensors", int(wildcards.round) - 1)


def round_weights(wildcards):
    """The network of a round."""
    return of_round(wildcards, "weights", "weights.safetensors", int(wildcards.round))


def final_weights(wildcards):
    """The network of the last round."""
    return f"<run>/round{CONFIG.rounds - 1}/weights.safetensors"


def initial_weights(wildcards):
    """Where a round's training starts: the classifier, then the network of the round before."""
    if int(wildcards.round) == 0 or config_of(wildcards).train.start_from == "classifier":
        return "<run>/classifier/weights.safetensors"
    return last_weights(wildcards)


def training_masks(wildcards):
    """True masks: read in training only for the ceiling that `train.labels: masks` asks for."""
    return "<run>/masks.h5" if config_of(wildcards).train.labels == "masks" else []


def training_labels(wildcards):
    """Pseudo labels: what all else is trained on."""
    return round_labels(wildcards) if config_of(wildcards).train.labels == "pseudo" else []


def round_predictions(wildcards):
    """A round's predictions; after the last round there are pseudo labels but no network."""
    if not has_predictions(wildcards):
        return []
    return of_round(wildcards, "predictions", "predictions.h5", int(wildcards.round))


def has_predictions(wildcards):
    """Whether a round's figures hold those of predictions: a param, so that a change is a trigger."""
    return "round" not in wildcards.keys() or int(wildcards.round) < config_of(wildcards).rounds


def round_labels(wildcards):
    """The run's own first labels, then those that the network of the round before made."""
    if int(wildcards.round) == 0:
        return "<run>/round0/labels.h5"
    return of_round(wildcards, "labels", "labels.h5", int(wildcards.round))


def test_index(wildcards):
    """The index, where a list of VOC's test images is named."""
    voc = CONFIG.index.voc
    if CONFIG.index.dataset != "voc" or voc.test_list is None:
        raise WorkflowError(
            "a submission needs VOC's test images: set index.dataset to voc, and index.voc.test_list."
        )
    return "<run>/index.h5"


def ablation_metrics(wildcards):
    """The figures of all networks, seeds and rounds of the ablation."""
    return [
        f"<run>/ablation/{variant}/{seed}/round{number}/metrics.csv"
        for variant in compared()
        for seed in seeds_of(CONFIG)
        for number in range(rounds_of(CONFIG, variant))
    ]


def changes_metrics(wildcards):
    """The figures of the run's network and of its changes, for all seeds and rounds."""
    if not CONFIG.ablation.changes:
        raise WorkflowError(
            "ablation.changes names nothing to compare the run with; name some there."
        )
    return [
        f"<run>/ablation/{variant}/{seed}/round{number}/metrics.csv"
        for variant in changes_of(CONFIG)
        for seed in seeds_of(CONFIG)
        for number in range(compared_config(variant, seed).labelled_rounds)
    ]


def repeated_seeds():
    """The seeds of a comparison, for the shell."""
    return " ".join(f"--seed {seed}" for seed in seeds_of(CONFIG))


def changed_networks(wildcards):
    """Their names and numbers of rounds with labels, for the shell."""
    rounds = {n: compared_config(n, CONFIG.random_seed).labelled_rounds for n in changes_of(CONFIG)}
    return " ".join(f"--network {name} {number}" for name, number in rounds.items())


def optional_flag(name):
    """The flag of an input that may be absent, for the shell; derived of it, so never a trigger."""
    return lambda wildcards, input: f"--{name} {input[name]}" if input[name] else ""


def folder_of(name):
    """The folder of an input, for the shell; derived of it, so never a trigger."""
    return lambda wildcards, input: str(Path(input[name]).parent)


def folder_of_output(name):
    """The folder of an output, likewise."""
    return lambda wildcards, output: str(Path(output[name]).parent)
