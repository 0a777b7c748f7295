"""Masks of all labelled images by the last network, which is told the classes of each."""


rule pseudo_masks:
    input:
        "<run>/pseudo_masks/predictions.h5",
        "<run>/pseudo_masks/metrics.csv",


use rule predict_round as predict_labelled with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=final_weights,
        shards=every_shard("<run>/pseudo_masks/shards/{shard}_of_{shards}/predictions.h5"),
    output:
        predictions="<run>/pseudo_masks/predictions.h5",
    log:
        "<logs>/predict_labelled.log",
    benchmark:
        "<benchmarks>/predict_labelled.tsv"
    params:
        options=options("predict", known_classes=True),
        split="--known-classes",
        made_from=made_from(final_weights),


use rule predict_labelled as predict_labelled_shard with:
    input:
        **packed_images("<run>/images.h5"),
        index="<run>/index.h5",
        weights=final_weights,
    output:
        predictions=temp("<run>/pseudo_masks/shards/{shard}_of_{shards}/predictions.h5"),
    log:
        "<logs>/shards/predict_labelled_{shard}_of_{shards}.log",
    benchmark:
        "<benchmarks>/shards/predict_labelled_{shard}_of_{shards}.tsv"


use rule evaluate_round as evaluate_labelled with:
    input:
        index="<run>/index.h5",
        masks="<run>/masks.h5",
        labels=[],
        saliency=[],
        predictions="<run>/pseudo_masks/predictions.h5",
    output:
        metrics="<run>/pseudo_masks/metrics.csv",
        per_class="<run>/pseudo_masks/per_class.csv",
    log:
        "<logs>/evaluate_labelled.log",
    benchmark:
        "<benchmarks>/evaluate_labelled.tsv"
