"""Figures of every round, and the page that shows them."""


rule evaluate:
    input:
        every_labelled_round("<run>/round{round}/metrics.csv"),


rule evaluate_round:
    input:
        index="<run>/index.h5",
        masks="<run>/masks.h5",
        labels="<run>/round{round}/labels.h5",
        saliency=round_saliency,
        predictions=round_predictions,
    output:
        metrics="<run>/round{round}/metrics.csv",
        per_class="<run>/round{round}/per_class.csv",
    log:
        "<logs>/evaluate_round{round}.log",
    benchmark:
        "<benchmarks>/evaluate_round{round}.tsv"
    priority: 1  # a round's figures before the next round's training
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=120,
        gpu=0,
    params:
        options=options("evaluate"),
        labels=optional_flag("labels"),
        saliency=optional_flag("saliency"),
        predictions=optional_flag("predictions"),
        has_predictions=has_predictions,
    shell:
        "auxseg evaluate --index {input.index} --masks {input.masks}"
        " {params.labels} {params.saliency} {params.predictions}"
        " --metrics {output.metrics} --per-class {output.per_class}"
        " --options {params.options:q} 2>&1 | tee -i {log}"


rule report:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        masks="<run>/masks.h5",
        saliency="<run>/saliency.h5",
        classifier_history="<run>/classifier/history.csv",
        cam=fused("<run>/cam.h5"),
        weights=final_weights,
        histories=every_round("<run>/round{round}/history.csv"),
        predictions=every_round("<run>/round{round}/predictions.h5"),
        labels=every_labelled_round("<run>/round{round}/labels.h5"),
        metrics=every_labelled_round("<run>/round{round}/metrics.csv"),
        per_class=every_labelled_round("<run>/round{round}/per_class.csv"),
    output:
        page=report(
            "<run>/report/index.html",
            category="Report",
            caption="../report/page.rst",
            labels={"page": "figures and pictures"},
        ),
        metrics=report(
            "<run>/report/metrics.csv",
            category="Metrics",
            caption="../report/metrics.rst",
            labels={"figures": "all rounds"},
        ),
        losses=report(
            "<run>/report/plots/losses.png",
            category="Curves",
            caption="../report/losses.rst",
            labels={"curve": "losses"},
        ),
        miou=report(
            "<run>/report/plots/miou.png",
            category="Curves",
            caption="../report/miou.rst",
            labels={"curve": "mIoU by round"},
        ),
        per_class_plot=report(
            "<run>/report/plots/per_class.png",
            category="Curves",
            caption="../report/per_class.rst",
            labels={"curve": "IoU of each class"},
        ),
        pseudo_labels=report(
            "<run>/report/plots/pseudo_labels.png",
            category="Curves",
            caption="../report/pseudo_labels.rst",
            labels={"curve": "pseudo labels by round"},
        ),
        saliency_plot=report(
            "<run>/report/plots/saliency.png",
            category="Curves",
            caption="../report/saliency.rst",
            labels={"curve": "saliency by round"},
        ),
        panels=report(
            directory("<run>/report/panels"),
            patterns=["{panel}.png"],
            category="Panels",
            caption="../report/panels.rst",
            labels={"panel": "{panel}"},
        ),
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: 2
    resources:
        mem_mb=growing(6000),
        runtime=60,
        gpu=0,
    params:
        options=options("report"),
        rounds=CONFIG.rounds,
        labelled_rounds=CONFIG.labelled_rounds,
        folder=folder_of("index"),
    shell:
        "auxseg report --folder {params.folder:q} --rounds {params.rounds}"
        " --labelled-rounds {params.labelled_rounds} --page {output.page}"
        " --options {params.options:q} --threads {threads} --device cpu 2>&1 | tee -i {log}"
