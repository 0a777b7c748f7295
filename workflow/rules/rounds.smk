"""Rounds of training on pseudo labels and refining them: each writes the next round's inputs."""


rule train:
    input:
        every_round("<run>/round{round}/weights.safetensors"),


rule train_round:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        labels=training_labels,
        saliency=round_saliency,
        initial_weights=initial_weights,
        masks=training_masks,
    output:
        weights="<run>/round{round}/weights.safetensors",
        history="<run>/round{round}/history.csv",
    log:
        "<logs>/train_round{round}.log",
    benchmark:
        "<benchmarks>/train_round{round}.tsv"
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: 16
    resources:
        mem_mb=growing(16000),
        runtime=1440,
        gpu=1,
        nodes=1,  # all GPUs of one: Slurm may else take them of several
    params:
        options=train_options,
        labels=optional_flag("labels"),
        masks=optional_flag("masks"),
    shell:
        "auxseg train --index {input.index} {params.labels} {params.masks}"
        " --saliency {input.saliency} --initial-weights {input.initial_weights}"
        " --round-number {wildcards.round} --weights {output.weights} --history {output.history}"
        " --devices {resources.gpu}"
        " --options {params.options:q} --threads {threads} 2>&1 | tee -i {log}"


rule refine:
    input:
        every_labelled_round("<run>/round{round}/labels.h5"),


rule refine_round:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=last_weights,
        saliency="<run>/saliency.h5",
        shards=every_shard("<run>/round{round}/shards/{shard}_of_{shards}/labels.h5"),
        saliency_shards=every_shard("<run>/round{round}/shards/{shard}_of_{shards}/saliency.h5"),
    output:
        labels="<run>/round{round}/labels.h5",
        saliency="<run>/round{round}/saliency.h5",
    log:
        "<logs>/refine_round{round}.log",
    benchmark:
        "<benchmarks>/refine_round{round}.tsv"
    wildcard_constraints:
        round=r"[1-9]\d*",
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: unless_joining(16, 1)
    resources:
        mem_mb=growing(8000),
        runtime=480,
        gpu=unless_joining(1, 0),
    params:
        options=options("refine"),
        shard=shard_flag,
    shell:
        "auxseg refine --index {input.index} --weights {input.weights}"
        " --saliency {input.saliency}"
        " --labels {output.labels} --refined-saliency {output.saliency} {params.shard}"
        " --options {params.options:q} --threads {threads} 2>&1 | tee -i {log}"


use rule refine_round as refine_shard with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=last_weights,
        saliency="<run>/saliency.h5",
    output:
        labels=temp("<run>/round{round}/shards/{shard}_of_{shards}/labels.h5"),
        saliency=temp("<run>/round{round}/shards/{shard}_of_{shards}/saliency.h5"),
    log:
        "<logs>/shards/refine_round{round}_{shard}_of_{shards}.log",
    benchmark:
        "<benchmarks>/shards/refine_round{round}_{shard}_of_{shards}.tsv"


rule predict:
    input:
        every_round("<run>/round{round}/predictions.h5"),


rule predict_round:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights="<run>/round{round}/weights.safetensors",
        shards=every_shard("<run>/round{round}/shards/{shard}_of_{shards}/predictions.h5"),
    output:
        predictions="<run>/round{round}/predictions.h5",
    log:
        "<logs>/predict_round{round}.log",
    benchmark:
        "<benchmarks>/predict_round{round}.tsv"
    priority: 1  # a round's figures before the next round's training
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: unless_joining(16, 1)
    resources:
        mem_mb=growing(8000),
        runtime=480,
        gpu=unless_joining(1, 0),
    params:
        options=options("predict"),
        split="",
        shard=shard_flag,
    shell:
        "auxseg predict --index {input.index} --weights {input.weights}"
        " --predictions {output.predictions} {params.split} {params.shard}"
        " --options {params.options:q} --threads {threads} 2>&1 | tee -i {log}"


use rule predict_round as predict_shard with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights="<run>/round{round}/weights.safetensors",
    output:
        predictions=temp("<run>/round{round}/shards/{shard}_of_{shards}/predictions.h5"),
    log:
        "<logs>/shards/predict_round{round}_{shard}_of_{shards}.log",
    benchmark:
        "<benchmarks>/shards/predict_round{round}_{shard}_of_{shards}.tsv"


use rule predict_round as predict_test with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=final_weights,
        shards=every_shard("<run>/test/shards/{shard}_of_{shards}/predictions.h5"),
    output:
        predictions="<run>/test/predictions.h5",
    log:
        "<logs>/predict_test.log",
    benchmark:
        "<benchmarks>/predict_test.tsv"
    params:
        split="--split test",
        made_from=made_from(final_weights),


use rule predict_test as predict_test_shard with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=final_weights,
    output:
        predictions=temp("<run>/test/shards/{shard}_of_{shards}/predictions.h5"),
    log:
        "<logs>/shards/predict_test_{shard}_of_{shards}.log",
    benchmark:
        "<benchmarks>/shards/predict_test_{shard}_of_{shards}.tsv"


rule submission:
    input:
        index=test_index,
        predictions="<run>/test/predictions.h5",
    output:
        archive="<run>/test/comp6_test_cls.tar.gz",
    log:
        "<logs>/submission.log",
    benchmark:
        "<benchmarks>/submission.tsv"
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=30,
        gpu=0,
    params:
        variant=CONFIG.predict.variants[-1],
    shell:
        "auxseg submission {input.predictions} {output.archive} --index {input.index}"
        " --variant {params.variant} 2>&1 | tee -i {log}"
