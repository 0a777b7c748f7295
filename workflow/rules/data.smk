"""From a data set in its own layout to records, true masks apart, and coarse saliency."""


rule index:
    input:
        **packed_images(every_shard("<run>/shards/{shard}_of_{shards}/images.h5")),
        labels=label_files(CONFIG.index),
        shards=every_shard("<run>/shards/{shard}_of_{shards}/index.h5"),
    output:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
    log:
        "<logs>/index.log",
    benchmark:
        "<benchmarks>/index.tsv"
    retries: 0  # faults of the data do not pass, and joining them removes their shards
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: unless_joining(8, 1)
    resources:
        mem_mb=growing(4000),
        runtime=60,
        gpu=0,
    params:
        options=options("index"),
        data=folder_state(*data_folders(CONFIG.index)),
        shard=shard_flag,
    shell:
        "auxseg index --index {output.index} {params.shard}"
        " --options {params.options:q} --threads {threads} 2>&1 | tee -i {log}"


use rule index as index_shard with:
    input:
        labels=label_files(CONFIG.index),
    output:
        **packed_images(temp("<run>/shards/{shard}_of_{shards}/images.h5")),
        index=temp("<run>/shards/{shard}_of_{shards}/index.h5"),
    log:
        "<logs>/shards/index_{shard}_of_{shards}.log",
    benchmark:
        "<benchmarks>/shards/index_{shard}_of_{shards}.tsv"


rule masks:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        labels=label_files(CONFIG.index),
    output:
        masks="<run>/masks.h5",
    log:
        "<logs>/masks.log",
    benchmark:
        "<benchmarks>/masks.tsv"
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=60,
        gpu=0,
    params:
        options=options("masks"),
        data=folder_state(*mask_folders(CONFIG.index)),
    shell:
        "auxseg masks --index {input.index} --masks {output.masks}"
        " --options {params.options:q} 2>&1 | tee -i {log}"


rule saliency:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        model=file_if_there(CONFIG.saliency.narrowed().onnx.model),
        shards=every_shard("<run>/shards/{shard}_of_{shards}/saliency.h5"),
    output:
        saliency="<run>/saliency.h5",
    log:
        "<logs>/saliency.log",
    benchmark:
        "<benchmarks>/saliency.tsv"
    conda:
        "../../envs/auxseg-cpu.yaml"
    threads: unless_joining(16, 1)
    resources:
        mem_mb=growing(4000),
        runtime=240,
        gpu=0,
    params:
        options=options("saliency"),
        maps=folder_state(CONFIG.saliency.narrowed().maps),
        shard=shard_flag,
    shell:
        "auxseg saliency --index {input.index} --saliency {output.saliency} {params.shard}"
        " --options {params.options:q} --threads {threads} 2>&1 | tee -i {log}"


use rule saliency as saliency_shard with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        model=file_if_there(CONFIG.saliency.narrowed().onnx.model),
    output:
        saliency=temp("<run>/shards/{shard}_of_{shards}/saliency.h5"),
    log:
        "<logs>/shards/saliency_{shard}_of_{shards}.log",
    benchmark:
        "<benchmarks>/shards/saliency_{shard}_of_{shards}.tsv"
