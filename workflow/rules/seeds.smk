"""From the classifier to the first pseudo labels."""


rule classify:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=file_if_there(CONFIG.model.weights),
    output:
        weights="<run>/classifier/weights.safetensors",
        history="<run>/classifier/history.csv",
    log:
        "<logs>/classify.log",
    benchmark:
        "<benchmarks>/classify.tsv"
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: 16
    resources:
        mem_mb=growing(12000),
        runtime=720,
        gpu=1,
        nodes=1,  # as for train_round
    params:
        options=options("classify"),
    shell:
        "auxseg classify --index {input.index}"
        " --weights {output.weights} --history {output.history} --devices {resources.gpu}"
        " --options {params.options:q} --threads {threads} 2>&1 | tee -i {log}"


rule cam:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=cam_weights,
        shards=every_shard("<run>/shards/{shard}_of_{shards}/cam.h5"),
    output:
        cam="<run>/cam.h5",
    log:
        "<logs>/cam.log",
    benchmark:
        "<benchmarks>/cam.tsv"
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: unless_joining(16, 1)
    resources:
        mem_mb=growing(8000),
        runtime=240,
        gpu=unless_joining(1, 0),
    params:
        options=options("cam"),
        maps=folder_state(CONFIG.cam.maps if CONFIG.cam.source == "maps" else None),
        weights=optional_flag("weights"),
        shard=shard_flag,
    shell:
        "auxseg cam --index {input.index} {params.weights} --cam {output.cam} {params.shard}"
        " --options {params.options:q} --threads {threads} 2>&1 | tee -i {log}"


use rule cam as cam_shard with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=cam_weights,
    output:
        cam=temp("<run>/shards/{shard}_of_{shards}/cam.h5"),
    log:
        "<logs>/shards/cam_{shard}_of_{shards}.log",
    benchmark:
        "<benchmarks>/shards/cam_{shard}_of_{shards}.tsv"


rule seed:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        cam=fused("<run>/cam.h5"),
        saliency=fused_saliency("<run>/saliency.h5"),
    output:
        labels="<run>/round0/labels.h5",
    log:
        "<logs>/seed.log",
    benchmark:
        "<benchmarks>/seed.tsv"
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=60,
        gpu=0,
    params:
        options=options("seed"),
        labels=folder_state(CONFIG.seed.labels),
        cam=optional_flag("cam"),
        saliency=optional_flag("saliency"),
    shell:
        "auxseg seed --index {input.index} {params.cam} {params.saliency}"
        " --labels {output.labels}"
        " --options {params.options:q} 2>&1 | tee -i {log}"
