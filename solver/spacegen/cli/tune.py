"""`spacegen tune`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacegen.cli.launching import Launching, need_model
from spacegen.cli.options import AsJson, EngineChoice, SpaceName, one_of, spread
from spacegen.cli.output import print_json, say, say_empty
from spacegen.cli.progress import watch
from spacegen.cli.studying import Aims, Keeping, Pace, StudySelection

if TYPE_CHECKING:
    from spacegen.api import Space
    from spacegen.tune.jobs import Executor, Report
    from spacegen.tune.plan import Course, Plan
    from spacegen.tune.setup import Setup

__all__ = ["tune"]


@spread
def tune(
    space: SpaceName,
    engine: EngineChoice = "auto",
    json: AsJson = False,
    *,
    pace: Pace,
    aims: Aims,
    keeping: Keeping,
    launching: Launching,
    selection: StudySelection,
) -> int:
    """Look for the best configs of a space: an Optuna study whose every trial can run.

    Each trial is a server that is launched, measured and stopped; trial 0 is the server's defaults. The study
    is kept in a file: the same command goes on where the last one was interrupted, and several at once work
    together. At the end the front is measured again and printed; `-o` and `--results` have all of it.

    Exits with 0 where there is a front, with 1 where no trial succeeded or kept the limits, and with 2 where
    nothing can be measured. `--timeout` is the study's here; `--engine-timeout` that of CP-SAT.
    """
    from spacegen.errors import EmptySpaceError
    from spacegen.extras import require

    require("optuna", "tune", "`spacegen tune`").logging.set_verbosity(30)
    chosen = launching.load(selection, space, engine=engine)
    name = _name(chosen, launching, keeping)
    stem = keeping.stem(name)
    folder = stem.with_name(f"{stem.name}-launches").absolute()
    setup = launching.setup(chosen, folder, cluster=keeping.address is not None)
    plan = _plan(chosen, name, pace, aims, keeping, setup, launching)
    output = None if keeping.output == "-" else Path(keeping.output or f"{stem}.json")
    _check(chosen, setup, plan, output)
    selection.say_choice(chosen)
    try:
        course = _run(plan, chosen, setup, keeping, selection)
    except EmptySpaceError:
        say_empty(chosen)
        return 1
    return _tell(course, output, selection, json=json or output is None)


def _name(space: Space, launching: Launching, keeping: Keeping) -> str:
    """The name of the study: one for each space and workload, and what is simulated stays apart."""
    if keeping.study is not None:
        return keeping.study
    workload = None if launching.workload is None else Path(launching.workload).stem
    parts = (space.name, workload, "simulated" if launching.simulated else None)
    return "-".join(part for part in parts if part)


def _plan(
    space: Space,
    name: str,
    pace: Pace,
    aims: Aims,
    keeping: Keeping,
    setup: Setup,
    launching: Launching,
) -> Plan:
    from spacegen.tune.conditions import conditions, places
    from spacegen.tune.plan import SAMPLERS, Plan

    trials, more = pace.wanted()
    stem = keeping.stem(name)
    return Plan(
        study=name,
        storage=keeping.url(name),
        trials=trials,
        more=more,
        sampler=one_of(pace.sampler, SAMPLERS, "--sampler"),
        seed=pace.seed,
        goals=aims.goals(),
        limits=aims.limits(),
        workload=setup.workload,
        model=_text(space.base.fixed.get("model_path")),
        hardware=setup.hardware or _hardware(setup),
        conditions=conditions(setup),
        places=places(setup),
        simulated=launching.simulated,
        timeout=pace.seconds(),
        budget_gpu_hours=pace.budget_gpu_hours,
        plateau=pace.plateau,
        warm_start=tuple(pace.warm_start or ()),
        repeats=pace.repeats,
        migrate=keeping.migrate,
        results=keeping.records(stem),
    )


def _hardware(setup: Setup) -> str | None:
    """What the GPUs of the study are called; None where launches are elsewhere, or none at all."""
    from spacegen.tune.gpus import gpu_names

    words = setup.server_command or ()
    here = setup.runner == "server" and setup.launch_template is None
    real = here and "spacegen.tune.simulated.server" not in words
    return gpu_names(setup.gpu_ids) if real else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _check(space: Space, setup: Setup, plan: Plan, output: Path | None) -> None:
    """Raises UsageError for what would be known only after launches."""
    from spacegen.tune.files import check_files
    from spacegen.tune.measurable import metrics_of
    from spacegen.tune.metrics import refuse_unknown
    from spacegen.tune.sizes import refuse_large

    if (known := metrics_of(setup)) is not None:
        refuse_unknown(plan.goals, plan.limits, known)
    need_model(setup, [[parameter.name for parameter in space.parameters]])
    refuse_large(space, len(setup.gpu_ids))
    check_files(plan.storage, plan.results, output)


def _run(plan: Plan, space: Space, setup: Setup, keeping: Keeping, selection: StudySelection) -> Course:
    from spacegen.cli.watching import Telling
    from spacegen.tune.plan import run
    from spacegen.tune.study.storage import without_password

    with watch(plan.goals, quiet=selection.quiet) as progress:
        telling = Telling(progress, selection)
        executor = _executor(keeping, space, setup, telling.doing)
        try:
            return run(plan, space, executor, observer=telling)
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, and signals that end a process
            kept = without_password(plan.storage)
            selection.say(f"note: `{plan.study}` is kept in {kept}; the same command goes on")
            raise


def _executor(keeping: Keeping, space: Space, setup: Setup, report: Report) -> Callable[[], Executor]:
    from spacegen.errors import Fault, UsageError

    kind: str = one_of(keeping.executor, ("local", "ray"), "--executor")
    if kind == "ray":
        return lambda: _on_ray(keeping, space, setup, report)
    if keeping.address is not None:
        raise UsageError(Fault("`--address` is that of a Ray cluster", hint="add `--executor ray`"))
    from spacegen.tune.running.pool import WorkerPool
    from spacegen.tune.running.runners import runner_for

    # What can launch nothing is said here, not by a worker.
    runner_for(setup)
    return lambda: WorkerPool(setup, keeping.workers, report)


def _on_ray(keeping: Keeping, space: Space, setup: Setup, report: Report) -> Executor:
    """Raises UsageError where there is no cluster, or none that is large enough for the space."""
    from spacegen.errors import Fault, UsageError
    from spacegen.tune.running.cluster import RayExecutor
    from spacegen.tune.sizes import refuse_large

    executor = RayExecutor(setup, keeping.address, keeping.workers, report)
    try:
        if not executor.largest_node:
            hint = "`--gpus 0-7` says which this machine has"
            if keeping.address is not None:
                hint = "`ray start --num-gpus 8` says how many a node has where Ray does not see them"
            raise UsageError(Fault("no node of the Ray cluster has a GPU", hint=hint))
        refuse_large(space, executor.largest_node)
    except BaseException:
        executor.close()
        raise
    return executor


def _tell(course: Course, output: Path | None, selection: StudySelection, *, json: bool) -> int:
    from spacegen.tune.summary.console import in_words
    from spacegen.tune.summary.document import as_document
    from spacegen.tune.summary.studies import summary_of
    from spacegen.tune.tuning import save_summary

    found = summary_of(course.opened.study)
    if course.ended.reason == "broken":
        say(f"error: {course.ended.message}")
        say("hint: mend it and begin anew with `--study NAME`: trials that failed stay in this study")
    elif course.ended.reason != "trials":
        selection.say(f"note: {course.ended.message}")
    if output is not None:
        save_summary(found, output)
    if json:
        print_json(as_document(found), indent=2)
    else:
        sys.stdout.writelines(f"{line}\n" for line in in_words(found))
    if output is not None:
        selection.say(f"{'the front' if found.front else 'what came of it'} is in {output}")
    return 0 if found.front else 1
