"""What faster-coco-eval makes of the same detections."""

from __future__ import annotations

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster


def agree_with_coco(scores, pictures):
    precision, recall = coco(pictures, classes=scores.classes)
    metrics = {name: each.value for name, each in scores.metrics(rounds=0).items()}

    def mean(part):
        return part[part > -1].mean() if (part > -1).any() else np.nan

    expected = {
        "map": mean(precision[..., 0]),
        "map50": mean(precision[0, ..., 0]),
        "map75": mean(precision[5, ..., 0]),
        "map_small": mean(precision[..., 1]),
        "map_medium": mean(precision[..., 2]),
        "map_large": mean(precision[..., 3]),
        "ar": mean(recall[..., 0]),
    }
    for label, name in enumerate(scores.classes):
        expected[f"map50/{name}"] = mean(precision[0, :, label, 0])
        expected[f"map/{name}"] = mean(precision[:, :, label, 0])
    assert metrics == pytest.approx(expected, abs=1e-9, nan_ok=True)
    values = scores.values()
    assert values == pytest.approx({name: metrics[name] for name in values}, nan_ok=True)


def xywh(box):
    x0, y0, x1, y1 = (float(edge) for edge in box)
    return [x0, y0, x1 - x0, y1 - y0]


def coco(pictures, *, classes):
    """The same question, answered by faster-coco-eval; -1 where undefined.

    Returns:
        (T, R, K, A) precision and (T, K, A) recall, A: all, small, medium, large.
    """
    numbered = list(enumerate(pictures, 1))
    truth = [
        {"image_id": i, "category_id": int(label) + 1, "bbox": xywh(box), "iscrowd": int(hard)}
        for i, p in numbered
        for box, label, hard in zip(p.boxes, p.labels, p.difficult, strict=True)
    ]
    for number, one in enumerate(truth, 1):
        one |= {"id": number, "area": one["bbox"][2] * one["bbox"][3]}
    found = [
        {"image_id": i, "category_id": int(label) + 1, "bbox": xywh(box), "score": float(score)}
        for i, p in numbered
        for box, score, label in zip(p.result.boxes, p.result.scores, p.result.labels, strict=True)
    ]
    gt = COCO(
        {
            "images": [{"id": i, "width": 999, "height": 999} for i, _ in numbered],
            "categories": [{"id": k + 1, "name": name} for k, name in enumerate(classes)],
            "annotations": truth,
        }
    )
    judge = COCOeval_faster(gt, gt.loadRes(found), iouType="bbox")
    judge.evaluate()
    judge.accumulate()
    return judge.eval["precision"][..., -1], judge.eval["recall"][..., -1]
