"""Search for better values of a recipe: trials that are runs, chosen and cut short by Optuna."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from typing_extensions import override

from akitsu.errors import DataError, OutputError, RecipeError, TrainingError
from akitsu.files import read_json, write_json, write_text
from akitsu.recipes import directory
from akitsu.recipes.one_process import require_one_process
from akitsu.recipes.recipe import Recipe
from akitsu.recipes.search_space import SearchSpace, default_space, with_values
from akitsu.recipes.study import JOURNAL, TRIALS, SharedStudy
from akitsu.recipes.train import Say, check, require_runnable, train
from akitsu.report.tuning import draw_history, draw_importance
from akitsu.scores.table import title
from akitsu.tasks.task import make_task
from akitsu.training.extension import Extension, Priority

if TYPE_CHECKING:
    from optuna import Trial

    from akitsu.training.trainer import Trainer

DOCUMENT = "study.json"
BEST = "best.yaml"
SPACE_FILE = "space.yaml"
HISTORY, IMPORTANCE = "history.png", "importance.png"


def tune(
    recipe: Recipe,
    out: Path | None = None,
    *,
    trials: int,
    say: Say,
    space: SearchSpace | None = None,
    storage: str | None = None,
    force: bool = False,
) -> Path:
    """Run trials until the study has as many as it shall have, with whoever else works on it.

    Args:
        recipe: What to tune; its own values are the first trial.
        out: The study's folder; None: `runs/<recipe>-tune`. A study that is there goes on.
        trials: How many, those of all workers together, finished ones and failed ones included.
        say: Is told in plain lines what is going on.
        space: What to try; None: learning rate, decay and batch size around the recipe's own.
        storage: URL of a database that keeps the study; None: a journal in `out`.
        force: Throw away the study that is there.

    Returns:
        The folder, with `study.json`, `best.yaml`, `history.png` and, after enough trials,
        `importance.png`.

    Raises:
        FaultsError: If pictures or labels are broken.
        OutputError: If the folder or the store holds something else.
        RecipeError: If the recipe or the space names what there is not.
        TrainingError: If no trial came to a score.
    """
    space = space or default_space(recipe)
    require_one_process(recipe, purpose="a search")
    require_runnable(recipe)
    space.require(recipe, check=require_runnable)
    check(recipe, say)
    folder = Path("runs") / f"{recipe.name}-tune" if out is None else out
    _prepare(folder, force=force)
    study = SharedStudy(folder, recipe=recipe, space=space, storage=storage, anew=force)
    if not (folder / SPACE_FILE).exists():
        write_text(folder / SPACE_FILE, space.to_yaml())
    _work(study, trials=trials, say=say)
    document = _write(study, trials=trials, importance=study.importance())
    _draw(study, document)
    _tell_the_rest(study, document, say)
    return folder


class ReportToTrial(Extension):
    """Tells a trial every validation score, and ends a run that is worse than the median of others.

    Args:
        trial: The trial that this run is.
        key: The score, as the Evaluator reports it.

    Raises:
        TrialPruned: (Optuna's) from the running training, which is then not finished.
    """

    trigger = (1, "iteration")  # it acts where the Evaluator did
    priority = Priority.EDITOR

    def __init__(self, trial: Trial, key: str) -> None:
        self.trial, self.key = trial, key
        self.evaluations = 0

    @override
    def __call__(self, trainer: Trainer) -> None:
        if self.key not in trainer.observation:
            return
        from optuna import TrialPruned

        self.evaluations += 1
        known = self.trial.storage.get_trial(self.trial._trial_id).intermediate_values
        if self.evaluations not in known:  # a resumed run comes by some moments twice
            self.trial.report(float(trainer.observation[self.key]), self.evaluations)
        # The last score is the result; there is nothing left to save.
        if not trainer.finished and self.trial.should_prune():
            raise TrialPruned

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"evaluations": self.evaluations}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.evaluations = state["evaluations"]


def _prepare(folder: Path, *, force: bool) -> None:
    """Refuse a folder that holds something else; with force, throw a study away."""
    is_study = any((folder / name).is_file() for name in (JOURNAL, SPACE_FILE, DOCUMENT))
    if is_study and force:
        shutil.rmtree(folder)
    if is_study or not folder.exists():
        return
    # Another worker that begins at the same moment has hidden files there, no more.
    if not folder.is_dir() or any(path.name[0] != "." for path in folder.iterdir()):
        what = "this holds something that is no search of akitsu"
        raise OutputError(what, where=folder, do="choose another --out")


def _work(study: SharedStudy, *, trials: int, say: Say) -> None:
    while True:
        with study.next_trial(trials) as trial:
            if trial is None:
                return
            values = study.values(trial)
            shown = ", ".join(f"{key} {short_value(value)}" for key, value in values.items())
            say(f"trial {trial.number} of {trials}: {shown}")
            try:
                say(f"trial {trial.number}: {_run(study, trial, values, say)}")
            except (KeyboardInterrupt, DataError, OutputError):
                study.put_back(trial)  # to be mended, and gone on with
                raise
        _write(study, trials=trials)


def _run(study: SharedStudy, trial: Trial, values: dict[str, Any], say: Say) -> str:
    """Run one trial to its end; returns what became of it, in words.

    Raises:
        AkitsuError: For a mistake of the user's, which would befall every other trial too.
    """
    from optuna import TrialPruned

    recipe = with_values(study.recipe, values)
    name = make_task(recipe.task, recipe.loss).score
    key = f"validation/main/{name}"
    folder = study.out / TRIALS / str(trial.number)
    try:
        if not directory.is_finished(folder):
            train(recipe, folder, say=say, extend=lambda t: t.extend(ReportToTrial(trial, key)))
    except TrialPruned:
        study.prune(trial)
        return "stopped early, below the median of the others"
    except (TrainingError, torch.OutOfMemoryError) as error:
        why = str(error).splitlines()[0]
        study.fail(trial, why)
        return f"failed ({why})"
    except RecipeError as error:  # values that do not go together, each of them right alone
        study.fail(trial, str(error))
        raise
    score = read_json(folder / directory.METRICS)["metrics"][name]["value"]
    if score is None:
        study.fail(trial, f"{name} is not defined on the validation set")
        return f"failed ({name} is not defined on the validation set)"
    study.complete(trial, score)
    return f"{title(name)} {100 * score:.2f} %"


def _write(
    study: SharedStudy, *, trials: int, importance: dict[str, float] | None = None
) -> dict[str, Any]:
    """Write study.json, and best.yaml where there is a best trial."""
    recipe = study.recipe
    rows = study.rows(trials)
    complete = [row for row in rows if row["state"] == "complete" and row["value"] is not None]
    best = max(complete, key=lambda row: row["value"]) if complete else None
    document = {
        "recipe": recipe.name,
        "task": recipe.task,
        "score": make_task(recipe.task, recipe.loss).score,
        "trials_wanted": trials,
        "space": study.space.to_json(),
        "best": None if best is None else best["number"],
        "importance": importance or {},
        "trials": rows,
    }
    write_json(study.out / DOCUMENT, document)
    if best is not None:
        with_values(recipe, best["values"]).save(study.out / BEST)
    return document


def _draw(study: SharedStudy, document: dict[str, Any]) -> None:
    rows = document["trials"]
    if document["best"] is not None:
        draw_history(study.out / HISTORY, rows, score=document["score"])
    if document["importance"]:
        n = sum(row["state"] == "complete" for row in rows)
        draw_importance(study.out / IMPORTANCE, document["importance"], n=n)


def _tell_the_rest(study: SharedStudy, document: dict[str, Any], say: Say) -> None:
    """Say what is still running elsewhere.

    Raises:
        TrainingError: If all is done and there is no score.
    """
    running = [str(row["number"]) for row in document["trials"] if row["state"] == "running"]
    if running:
        say(
            f"still running in other workers: trial {', '.join(running)}; the last to end writes "
            "the whole table, and so does this command once more"
        )
    elif document["best"] is None:
        error = next((row["error"] for row in document["trials"] if row["error"]), "all stopped")
        raise TrainingError(
            f"no trial came to a score ({error})",
            where=study.out,
            do="narrow the search space and begin anew with --force",
        )


def short_value(value: Any) -> str:
    """A value of a recipe for a line or a table.

    Example:
        >>> short_value(0.00123456), short_value([8, 16]), short_value(True)
        ('0.001235', '[8, 16]', 'true')
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
