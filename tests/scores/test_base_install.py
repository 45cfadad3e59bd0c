from __future__ import annotations

import subprocess
import sys

HEAVY = ["torch", "torchmetrics", "faster_coco_eval", "scipy", "sklearn", "matplotlib", "polars"]


def test_the_scores_need_numpy_and_no_more():
    """A robot evaluates its model file too, and has none of these."""
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({HEAVY}))\n"  # None makes an import fail
        "import akitsu.scores.classification, akitsu.scores.detection\n"
        "import akitsu.scores.segmentation, akitsu.scores.table\n"
        "import akitsu.report.page, akitsu.report.worst\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
