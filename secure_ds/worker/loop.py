"""Claim, work, repeat; beside it a heartbeat for the lease and a housekeeper for the audit log's checkpoints.

What does not answer (database, custodian) is waited for: the work stays claimed or is claimed again, nothing is lost.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from audit.errors import AuditUnavailable
from secure_ds.core.ids import new_id
from secure_ds.services.context import CustodyError, CustodyUnavailable, ServiceContext
from secure_ds.services.run_job import Task, claim, fail, renew, settle_dataset
from secure_ds.services.run_prediction import PredictionTask, fail_prediction
from secure_ds.store.errors import LeaseLost, StoreUnavailable
from secure_ds.store.rows import Lease
from secure_ds.wire.jobs import SEALED
from secure_ds.worker.check_dataset import check_dataset
from secure_ds.worker.confirm import confirm
from secure_ds.worker.predict import predict
from secure_ds.worker.train import train
from secure_ds.worker.train_sealed import train_sealed

IDLE_SECONDS = 0.2
PATIENCE_SECONDS = 1.0
MAX_CLAIMS_WITHOUT_PROGRESS = 50
MAX_CLAIMS_OF_A_PREDICTION = 5
DIED_TOO_OFTEN = "workers died on it too often"
NOT_ANSWERING = (StoreUnavailable, AuditUnavailable, CustodyUnavailable)
log = logging.getLogger("secure_ds.worker")


class Worker:
    """One worker process."""

    def __init__(self, context: ServiceContext, *, lease_seconds: float, checkpoint_seconds: float) -> None:
        self._context = context
        self._lease_seconds = lease_seconds
        self._checkpoint_seconds = checkpoint_seconds
        self._id = new_id("req").replace("req_", "worker_")
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Finish the present piece of work, then end."""
        self._stopping.set()

    def run(self) -> None:
        """Work until `stop`."""
        if not self._context.confirms_only:
            threading.Thread(target=self._keep_house, daemon=True).start()
        while not self._stopping.is_set():
            if not self.work_once():
                self._stopping.wait(IDLE_SECONDS)

    def work_once(self) -> bool:
        """Claim and carry out one piece of work; tells whether there was any."""
        try:
            task = claim(self._context, self._id, self._lease_seconds)
            if task is None:
                return False
            with self._heartbeat(task.lease):
                self._carry_out(task)
        except LeaseLost:
            log.warning("lease lost; another worker goes on")
        except NOT_ANSWERING as error:
            log.warning("a part does not answer (%s); trying again", type(error).__name__)
            self._stopping.wait(PATIENCE_SECONDS)
        return True

    def _carry_out(self, task: Task | PredictionTask) -> None:
        if isinstance(task, PredictionTask):
            self._answer(task)
        elif task.lease.fence > MAX_CLAIMS_WITHOUT_PROGRESS + (task.job.steps_done if task.job else 0):
            self._give_up(task)
        elif task.job is None:
            self._patiently(lambda: check_dataset(self._context, task))
        elif task.lease.kind == "confirm":
            self._patiently(lambda: confirm(self._context, task, self._stopping))
        elif task.job.algorithm == SEALED:
            self._patiently(lambda: train_sealed(self._context, task, self._stopping))
        else:
            self._patiently(lambda: train(self._context, task, self._stopping))

    def _answer(self, task: PredictionTask) -> None:
        if task.lease.fence > MAX_CLAIMS_OF_A_PREDICTION:
            fail_prediction(self._context, task, DIED_TOO_OFTEN)
        else:
            self._patiently(lambda: predict(self._context, task))

    def _give_up(self, task: Task) -> None:
        if task.job is None:
            settle_dataset(self._context, task, ("check_impossible", DIED_TOO_OFTEN))
        else:
            fail(self._context, task, DIED_TOO_OFTEN)

    def _patiently(self, act: Callable[[], None]) -> None:
        """Go on under the same lease when a part was away for a moment; every act may be repeated."""
        while True:
            try:
                return act()
            except NOT_ANSWERING as error:
                log.warning("a part does not answer (%s); waiting", type(error).__name__)
                if self._stopping.wait(PATIENCE_SECONDS):
                    raise

    @contextmanager
    def _heartbeat(self, lease: Lease) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=self._renew, args=(lease, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew(self, lease: Lease, done: threading.Event) -> None:
        while not done.wait(self._lease_seconds / 3):
            try:
                if not renew(self._context, lease, self._lease_seconds):
                    return
            except StoreUnavailable:
                log.warning("the lease could not be renewed; trying again")

    def _keep_house(self) -> None:
        """A checkpoint at least every interval while there is something new."""
        while not self._stopping.wait(self._checkpoint_seconds / 2):
            try:
                self._context.custody.checkpoint()
            except CustodyError as error:
                log.warning("no checkpoint was signed: %s", type(error).__name__)
