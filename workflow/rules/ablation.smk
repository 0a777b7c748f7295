"""Networks that share all that comes before training: the paper's ablation, changes, the ceiling."""


use rule train_round as ablation_train with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        labels=training_labels,
        saliency=round_saliency,
        initial_weights=initial_weights,
        masks=training_masks,
    output:
        weights="<run>/ablation/{variant}/{seed}/round{round}/weights.safetensors",
        history="<run>/ablation/{variant}/{seed}/round{round}/history.csv",
    log:
        "<logs>/ablation/{variant}_{seed}_train_round{round}.log",
    benchmark:
        "<benchmarks>/ablation/{variant}_{seed}_train_round{round}.tsv"
    params:
        made_from=made_from(initial_weights, training_labels, round_saliency),


use rule refine_round as ablation_refine with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=last_weights,
        saliency="<run>/saliency.h5",
    output:
        labels="<run>/ablation/{variant}/{seed}/round{round}/labels.h5",
        saliency="<run>/ablation/{variant}/{seed}/round{round}/saliency.h5",
    log:
        "<logs>/ablation/{variant}_{seed}_refine_round{round}.log",
    benchmark:
        "<benchmarks>/ablation/{variant}_{seed}_refine_round{round}.tsv"
    params:
        made_from=made_from(last_weights),


use rule predict_round as ablation_predict with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=round_weights,
    output:
        predictions="<run>/ablation/{variant}/{seed}/round{round}/predictions.h5",
    log:
        "<logs>/ablation/{variant}_{seed}_predict_round{round}.log",
    benchmark:
        "<benchmarks>/ablation/{variant}_{seed}_predict_round{round}.tsv"
    params:
        made_from=made_from(round_weights),


use rule evaluate_round as ablation_evaluate with:
    input:
        index="<run>/index.h5",
        masks="<run>/masks.h5",
        labels=round_labels,
        saliency=round_saliency,
        predictions=round_predictions,
    output:
        metrics="<run>/ablation/{variant}/{seed}/round{round}/metrics.csv",
        per_class="<run>/ablation/{variant}/{seed}/round{round}/per_class.csv",
    log:
        "<logs>/ablation/{variant}_{seed}_evaluate_round{round}.log",
    benchmark:
        "<benchmarks>/ablation/{variant}_{seed}_evaluate_round{round}.tsv"
    params:
        made_from=made_from(round_labels, round_saliency, round_predictions),


rule ceiling:
    input:
        f"<run>/ablation/masks/{CONFIG.random_seed}/round0/metrics.csv",


rule ablation:
    input:
        ablation_metrics,
    output:
        table="<run>/ablation/table.csv",
        page="<run>/ablation/table.md",
    log:
        "<logs>/ablation.log",
    benchmark:
        "<benchmarks>/ablation.tsv"
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
        gpu=0,
    params:
        comparison="ablation",
        networks=f"--rounds {CONFIG.rounds}",
        seeds=repeated_seeds(),
        folder=folder_of_output("table"),
    shell:
        "auxseg {params.comparison} {params.folder:q} {params.networks} {params.seeds}"
        " --table {output.table} --page {output.page} 2>&1 | tee -i {log}"


use rule ablation as changes with:
    input:
        changes_metrics,
    output:
        table="<run>/ablation/changes.csv",
        page="<run>/ablation/changes.md",
    log:
        "<logs>/changes.log",
    benchmark:
        "<benchmarks>/changes.tsv"
    params:
        comparison="changes",
        networks=changed_networks,
