"""The Prefect task: one a job, which has its shards done by actors."""

from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed
from prefect.tasks import Task
from ray.exceptions import RayError, RayTaskError

from blindspots.errors import LostLeaseError, OutOfReachError, StoppedError
from blindspots.files import is_for_good
from blindspots.jobs.damage import SentBackError
from blindspots.jobs.job import Report
from blindspots.jobs.plan import Outstanding, outstanding
from tasks.actors.here import Here
from tasks.actors.worker import Outcome
from tasks.actors.workers import Workers
from tasks.progress import JobProgress

SENT_BACK = "SentBack"
"""The name of the state of a job that met damage in what it reads: it is done again once that is made again."""


def _is_worth_a_retry(task: Task[..., object], run: TaskRun, state: State) -> bool:
    """Tell whether a failure is the machines' and not the job's: an actor or a node lost, the store out of reach."""
    try:
        state.result()
    except RayTaskError as error:
        return _may_pass(error.cause)
    except (OSError, OutOfReachError) as error:
        return _may_pass(error)
    except RayError:
        return True
    except Exception:
        return False
    return False


def _may_pass(error: Exception | None) -> bool:
    """Tell whether the store may be had again in a while: a full disk is for good, and so is a lease that was lost."""
    if isinstance(error, OSError):
        return not is_for_good(error)
    return isinstance(error, OutOfReachError) and not isinstance(error, LostLeaseError)


@task(
    task_run_name="{key}",
    retries=3,
    retry_delay_seconds=[2, 10, 60],
    retry_jitter_factor=0.5,
    retry_condition_fn=_is_worth_a_retry,
    cache_policy=NO_CACHE,  # whether work is done is for the store to say
    persist_result=False,
)
def run_job(key: str, work: Outstanding, workers: Workers | Here, observer: Report) -> str | State:
    """Have the shards of ``work`` done; on a retry, only those that are not done yet. Cancelled where the run is."""
    job, workspace = work.job, workers.workspace
    context = TaskRunContext.get()
    shards = work.shards
    if context is not None and context.task_run.run_count > 1:
        again = outstanding(workspace, [job])
        shards = again[0].shards if again else ()
        get_run_logger().info("%s: once more, %d shard(s) to do", key, len(shards))
    progress = JobProgress(key, sum(job.size(workspace, shard) for shard in shards), observer)
    busy, left = 0.0, len(shards)
    finished = SimpleQueue[Future[Outcome]]()
    calls = [workers.submit(job, shard, progress.of_shard(shard)) for shard in shards]
    try:
        for call in calls:
            call.add_done_callback(finished.put)
        while left:
            with suppress(Empty):  # a look now and then: what cancels this thread is raised where it runs
                busy += finished.get(timeout=1).result().seconds
                left -= 1
    except BaseException as error:
        for call in calls:
            call.cancel()
        if isinstance(error, StoppedError):
            return Cancelled(message=str(error))
        sent_back = getattr(error, "cause", error)
        if isinstance(sent_back, SentBackError):
            return Completed(name=SENT_BACK, message=str(sent_back))
        raise
    return f"{len(shards)} shard(s), {busy:.1f} s of work"
