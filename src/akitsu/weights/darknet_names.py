"""The classes that Darknet's detectors were trained for, by index, as the data sets spell them.

Darknet's own lists call an airplane of COCO an aeroplane, and five more classes otherwise: with
those names they would never meet a label.
"""

from __future__ import annotations

COCO = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, "
    "fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, "
    "bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, "
    "sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, "
    "bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, "
    "carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, "
    "tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, "
    "refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush"
)
VOC = (
    "aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, horse, "
    "motorbike, person, pottedplant, sheep, sofa, train, tvmonitor"
)
COCO_OF_DARKNET = {
    "motorbike": "motorcycle",
    "aeroplane": "airplane",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "diningtable": "dining table",
    "tvmonitor": "tv",
}


def coco_names() -> tuple[str, ...]:
    """80 classes (Lin et al., arXiv:1405.0312)."""
    return tuple(COCO.split(", "))


def voc_names() -> tuple[str, ...]:
    """20 classes (Everingham et al., 2010)."""
    return tuple(VOC.split(", "))


def as_coco(names: tuple[str, ...]) -> tuple[str, ...]:
    """Darknet's list of COCO's classes in COCO's spelling; any other list as it is."""
    spelt = tuple(COCO_OF_DARKNET.get(name, name) for name in names)
    return spelt if spelt == coco_names() else names
