"""Write docs/results.md from docs/results/*.json, so that no number is copied by hand.

    python benchmarks/results_page.py

A test asks that the page is what this program makes of the files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER, PAGE = ROOT / "docs/results", ROOT / "docs/results.md"
RECIPES = ("digits", "bccd", "camvid")
MINUTE_S = 60
# The score that a recipe is judged by, and what people call it.
SCORES = {"accuracy": "accuracy", "map50": "mAP50", "miou": "mean IoU"}

HEAD = """# Results

Every number here was written by a program in `benchmarks/` into `docs/results/*.json`, and put on
this page by `benchmarks/results_page.py`. The files also hold the versions, the hardware and the
seed. The scores are those of **one seed** on the **validation** pictures on which the best weights
were chosen, which flatters them a little; the interval is over pictures, not over seeds. Times are
wall times on a machine that did nothing else.
"""


def main() -> None:
    PAGE.write_text(page(FOLDER), encoding="utf-8")


def page(folder: Path) -> str:
    """The whole page as Markdown."""
    found = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")
    }
    parts = [HEAD, trainings({name: found[name] for name in RECIPES})]
    parts += [speed(found), start(found), resumed(found["resume"])]
    parts += [write(found[name]) for name, write in OPTIONAL.items() if name in found]
    return "\n".join([*parts, machine(found["digits"])])


def trainings(found: dict[str, Any]) -> str:
    lines = [
        "## Trainings\n",
        "```text",
        *(document["command"] for document in found.values()),
        "```\n",
        "| recipe | score | 95 % interval | pictures | whole command | memory | model file |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, document in found.items():
        key = next(name for name in SCORES if name in document["scores"])
        score = document["scores"][key]
        lines.append(
            f"| `{name}` | {SCORES[key]} {score['value']:.2%} "
            f"| {score['low']:.2%} to {score['high']:.2%} | {document['pictures']} "
            f"| {document['seconds']:.0f} s | {document['peak_megabytes']} MB "
            f"| {document['model_file']['points_apart']:.2f} points apart |"
        )
    lines.append("")
    lines.append(
        "*Model file*: how far any score of `akitsu evaluate model.onnx`, run with the base "
        "install alone, is from that of `akitsu evaluate` on the run.\n"
    )
    for name, document in found.items():
        early = [row for row in document["on_the_way"] if row["elapsed_s"] <= MINUTE_S]
        key = next(score for score in SCORES if score in document["scores"])
        if early:
            lines.append(
                f"After {early[-1]['elapsed_s']:.0f} s of training `{name}` had reached "
                f"{SCORES[key]} {early[-1][key]:.2%}.\n"
            )
    return "\n".join(lines)


def speed(found: dict[str, Any]) -> str:
    predictions = found["predictions"]
    lines = [
        "## Against the way of 2017\n",
        "| what | akitsu | the old way | ratio |",
        "|---|---|---|---|",
    ]
    for table in found["pixel_tables"]["tables"]:
        seconds = table["median_seconds"]
        old = seconds["pandas and a row loop"]
        lines.append(
            f"| `{table['table']}` to arrays | {seconds['akitsu']:.2f} s | {old:.2f} s "
            f"| {old / seconds['akitsu']:.1f} |"
        )
    for part, what in (
        ("predictions_alone", "predictions alone"),
        ("whole_process", "whole process"),
    ):
        seconds = predictions[part]["median_seconds"]
        for name, old in seconds.items():
            if name != "akitsu":
                library = name.rpartition(" ")[2]
                lines.append(
                    f"| {predictions['rows']:,} rows to a submission ({library}; {what}) "
                    f"| {seconds['akitsu']:.2f} s | {old:.2f} s | {old / seconds['akitsu']:.1f} |"
                )
    lines.append("")
    lines.append(
        "The old way reads with pandas and a loop over the rows, and calls the network on one "
        "picture at a time.\n"
    )
    return "\n".join(lines)


def start(found: dict[str, Any]) -> str:
    footprint = found["footprint"]
    lines = [
        "## On the robot\n",
        f"The base install is {footprint['packages']} packages and {footprint['megabytes']} MB; "
        f"`akitsu --help` takes {footprint['help_seconds']:.2f} s.\n",
        "| model file | input | first result | memory | onnxruntime alone |",
        "|---|---|---|---|---|",
    ]
    for name in sorted(found):
        if not name.startswith("robot-"):
            continue
        document = found[name]
        ours, peer = document["medians"]["akitsu"], document["medians"]["onnxruntime"]
        rows, columns = document["input_hw"]
        lines.append(
            f"| `{document['model']}` | {rows} x {columns} | {ours['seconds']:.2f} s "
            f"| {ours['megabytes']:.0f} MB | {peer['seconds']:.2f} s, {peer['megabytes']:.0f} MB |"
        )
    lines.append("")
    lines.append("From the start of a fresh process, imports included, to the first result.\n")
    return "\n".join(lines)


def resumed(document: dict[str, Any]) -> str:
    same = "the same" if document["same"] else "DIFFERENT"
    environment = document["environment"]
    return (
        "## Killed and resumed\n\n"
        f"{len(document['kills'])} times SIGKILL at random moments, then the same command again: "
        f"the final weights have {same} SHA-256 as those of a run left alone "
        f"(`{document['command']}`, threads: {environment['threads']}).\n"
    )


def loop(document: dict[str, Any]) -> str:
    rows = [
        (
            each["name"],
            f"{each['best_microseconds']:.0f} µs",
            f"{each['median_microseconds']:.0f} µs",
            f"{each['times_the_hand_written']:.2f}",
        )
        for each in document["contenders"]
    ]
    environment = document["environment"]
    apart = max(each["weights_apart"] or 0 for each in document["contenders"])
    weights = f"the same weights to {apart:.1g}" if apart else "the same weights to the last bit"
    versions = [f"{name} {own}." for name, own in environment["peers"].items()]
    return "\n".join(
        [
            "## What the Trainer costs\n",
            *table(("loop", "iteration, best", "median", "ratio of the best"), rows),
            "",
            f"{document['iterations']:,} iterations of a network so small (three linear layers, "
            f"batch {document['batch_size']}) that the loop shows; the trainers keep a log and "
            f"draw a bar; threads: {environment['threads']}. All that are given the same random "
            f"numbers end at {weights}.\n",
            " ".join([*versions, *document["left_out"]]) + "\n",
        ]
    )


def stall(document: dict[str, Any]) -> str:
    return (
        "## What a snapshot costs\n\n"
        f"With a training state of {document['megabytes']} MB the loop stalls for "
        f"{document['stall_ms']:.0f} ms a snapshot; with the writing beside it, it costs "
        f"{document['cost_ms']:.0f} ms of training.\n"
    )


def faults(document: dict[str, Any]) -> str:
    rows = [
        (
            each["fault"],
            str(each["tried"]),
            str(each["exit_code"]),
            str(each["work_lost_iterations"]),
            str(each["allowed_iterations"]),
            "the same" if each["same_result"] else "DIFFERENT",
        )
        for each in document["faults"]
    ]
    head = ("fault", "tried", "exit code", "lost", "since the snapshot", "result")
    wrong = [
        f"WRONG: {each['fault']}: {text}\n"
        for each in document["faults"]
        for text in each["complaints"]
    ]
    return "\n".join(
        [
            "## Faults\n",
            *table(head, rows),
            "",
            "At random moments of a short training, which the same command then finished. *Lost*: "
            "the most iterations that were done twice; *since the snapshot*: those done since the "
            "newest whole one, none where the training could still save itself. *Result*: weights "
            f"and log, beside those of the run left alone (`{document['command']}`).\n",
            *wrong,
            *(f"{sentence}\n" for sentence in document["left_out"]),
        ]
    )


def budgets(document: dict[str, Any]) -> str:
    pictures = document["budgets"][0]["accuracy"]["n"]
    return "\n".join(
        [
            "## Digits for every budget\n",
            *budget_table(document),
            "",
            "![Accuracy against seconds](results/digits_budgets.png)\n",
            "From the start of the process to the written submission, by which the rows are "
            "compared, and to its end: akitsu writes model file and report after the submission. "
            f"Medians of {document['rounds']} for the short rows. All learn from the first seven "
            f"eighths of the table and are scored on the last, {pictures:,} pictures; akitsu also "
            "keeps its best weights by them where its recipe scores between, else its last.\n",
        ]
    )


def budgets_in_float32(document: dict[str, Any]) -> str:
    return "\n".join(
        [
            "### On a processor without bfloat16\n",
            *budget_table(document),
            "",
            "The same short rows on an older processor, where all of the training is in float32.\n",
        ]
    )


def budget_table(document: dict[str, Any]) -> list[str]:
    rows = []
    for each in document["budgets"]:
        accuracy, ratio = each["accuracy"], each["times_as_fast_as_chainer"]
        rows.append(
            (
                each["what"],
                f"{each['median_seconds']:.1f} s",
                f"{each['median_whole_seconds']:.1f} s",
                "–" if ratio is None else f"{ratio:.1f}",
                f"{accuracy['value']:.2%}",
                f"{accuracy['low']:.2%} to {accuracy['high']:.2%}",
            )
        )
    head = ("digits", "to the submission", "to the end", "times as fast as Chainer", "accuracy")
    return table((*head, "95 % interval"), rows)


def bulk(document: dict[str, Any]) -> str:
    first = document["ways"][0]["pictures_per_second"]
    rows = [
        (
            each["name"],
            f"{each['pictures_per_second']:,.0f}",
            f"{each['pictures_per_second'] / first:.2f}",
        )
        for each in document["ways"]
    ]
    head = (f"{document['pictures']:,} pictures", "pictures a second", "times the first")
    return "\n".join(["## Many pictures\n", *table(head, rows), ""])


def detect(document: dict[str, Any]) -> str:
    head = ("detector", "threads", "akitsu, whole call", "its graph alone", "ratio")
    head += ("int8 graph", "times as fast", "PyTorch", "OpenCV dnn")
    rows = [
        (
            f"`{each['name']}`",
            threads,
            *(_milliseconds(own, way) for way in ("akitsu", "onnxruntime")),
            f"{own['ratios']['whole_call']:.2f}",
            _milliseconds(own, "onnxruntime int8"),
            f"{own['ratios']['int8_speed']:.1f}" if "int8_speed" in own["ratios"] else "–",
            *(_milliseconds(own, way) for way in ("torch", "OpenCV dnn")),
        )
        for each in document["detectors"]
        for threads, own in each["threads"].items()
    ]
    trained = document["detectors"][0]
    loss = trained["int8_loss"]["difference"]
    weights = [f"`{each['name']}` {each['weights']}" for each in document["detectors"]]
    vnni = "with" if document["environment"]["vnni"] else "without"
    parts = [
        "## Detectors, frame by frame\n",
        *table(head, rows),
        "",
        f"One frame of {document['frame_hw'][0]} x {document['frame_hw'][1]}, medians of all ways "
        f"in turns, on a processor {vnni} VNNI. *Whole call*: letterbox, network, decoding, "
        "suppression; OpenCV computes the convolutions alone. Weights: "
        f"{', '.join(weights)}.\n",
        f"In int8 `{trained['name']}` scores {100 * loss['value']:+.2f} points of mAP50 "
        f"({100 * loss['low']:+.2f} to {100 * loss['high']:+.2f}).\n",
    ]
    if (peer := document["peer"]) is not None:
        times = [f"{own:.1f} ms (threads: {count})" for count, own in peer["median_ms"].items()]
        parts.append(
            f"In the same run {peer['name']} ({peer['version']}, exported, input "
            f"{peer['input_hw'][0]} x {peer['input_hw'][1]}) took {', '.join(times)} for its own "
            "whole call.\n"
        )
    started = [
        f"{name} {own['seconds']:.2f} s, {own['megabytes']:.0f} MB"
        for name, own in document["start"].items()
    ]
    parts.append(f"From the file to the first result in a fresh process: {'; '.join(started)}.\n")
    wrong = [f"TOO SLOW: {each}\n" for each in document["complaints"]]
    return "\n".join([*parts, *wrong, *(f"{each}\n" for each in document["left_out"])])


def _milliseconds(own: dict[str, Any], way: str) -> str:
    return f"{own['median_ms'][way]:.1f} ms" if way in own["median_ms"] else "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table of Markdown."""
    return [_line(head), "|" + "---|" * len(head), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def live(document: dict[str, Any]) -> str:
    rows = []
    for kind, looks in document["ages"].items():
        shown, usual = looks["akitsu"], looks["naive"]
        # As read: before any model, and as any program would read it.
        before_ms = looks.get("read_only", {}).get("p50_ms", 0.0)
        limit_ms = 1000 / document["fps"] + shown["inference_p99_ms"]
        rows.append(
            (
                kind,
                f"{before_ms:.0f} ms" if before_ms else "–",
                f"{shown['p50_ms']:.0f} ms",
                f"{shown['p99_ms']:.0f} ms",
                f"{limit_ms:.0f} ms",
                f"{usual['last_ms'] / 1000:.1f} s",
            )
        )
    head = ("source", "as read", "shown, p50", "p99", "a frame and an inference", "usual loop")
    lines = [
        "## Live\n",
        f"A source of {document['fps']} frames a second and a model that takes "
        f"{document['inference_ms']:.0f} ms: how old the frame is that is shown, by a time that it "
        "carries in its picture. *As read*: how old frames are that OpenCV reads with no model at "
        "all, by the median. *Usual loop*: `cv2.VideoCapture.read` and the model in turns, after "
        f"{document['seconds']:.0f} s.\n",
        *table(head, rows),
        "",
    ]
    for kind, back in document["restarts"].items():
        lines.append(
            f"The {kind} server was killed {back['times']} times, and away for "
            f"{back['away_s']:.0f} s. The loop came back {back['back']} times, "
            f"{back['median_s']:.1f} s after the server did (median; longest "
            f"{back['longest_s']:.1f} s), and said {back['told_that_there_is_no_frame']} times "
            "that there was no frame.\n"
        )
    if "soak" in document:
        soak = document["soak"]
        lines.append(
            f"In {soak['minutes']:.0f} minutes and {soak['frames']} frames its memory grew by "
            f"{soak['growth_mb']:.1f} MB to {soak['end_mb']:.0f} MB; it had "
            f"{_numbers(soak['threads'])} threads and {_numbers(soak['open_files'])} open files.\n"
        )
    lines += [f"MISSED: {miss}\n" for miss in document["misses"]]
    return "\n".join(lines)


def _numbers(seen: Sequence[int]) -> str:
    return str(seen[0]) if len(seen) == 1 else f"{min(seen)} to {max(seen)}"


def machine(document: dict[str, Any]) -> str:
    environment = document["environment"]
    versions = ", ".join(f"{name} {own}" for name, own in environment["versions"].items())
    return (
        "## Where\n\n"
        f"{environment['processor']}, {environment['system']}, Python {environment['python']}, "
        f"{versions}; {environment['engine']}; seed {environment['seed']}.\n"
    )


# Sections of files that a benchmark may not have written yet, in the order of the page.
OPTIONAL: dict[str, Callable[[dict[str, Any]], str]] = {
    "digits_budgets": budgets,
    "digits_budgets_float32": budgets_in_float32,
    "faults": faults,
    "trainer": loop,
    "snapshot_stall": stall,
    "bulk": bulk,
    "detect": detect,
    "live": live,
}


if __name__ == "__main__":
    main()
