"""Photos with image-level labels to a segmentation model: eleven stages, each a rule and a command.

index -> masks, saliency -> classify -> cam -> seed -> (train -> refine -> predict) x rounds
-> evaluate -> report
"""

from snakemake.utils import min_version

min_version("9.12")  # pathvars


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/checks.smk"
include: "workflow/rules/common.smk"


pathvars:
    run=f"results/{CONFIG.run}",
    logs=f"results/{CONFIG.run}/logs",
    benchmarks=f"results/{CONFIG.run}/benchmarks",


wildcard_constraints:
    round=r"0|[1-9]\d*",
    variant=r"[a-z][a-z0-9-]*",
    seed=r"\d+",
    shard=r"[1-9]\d*",
    shards=r"[1-9]\d*",


onstart:
    check_inputs(workflow.dag.needrun_jobs())


localrules:
    all,
    train,
    refine,
    predict,
    evaluate,
    ceiling,
    pseudo_masks,


rule all:
    default_target: True
    input:
        "<run>/report/index.html",


include: "workflow/rules/data.smk"
include: "workflow/rules/seeds.smk"
include: "workflow/rules/rounds.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/pseudo_masks.smk"
include: "workflow/rules/ablation.smk"
