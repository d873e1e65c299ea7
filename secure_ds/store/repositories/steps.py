"""Training steps that were paid for, and their answers: the checkpoint from which any worker continues a job.

Rules:
    - A step is recorded once, for one ciphertext and one set of weights. A worker that took over and computed the same
      gets the recorded row; one that computed something else is refused.
    - An answer is written once. The same again changes nothing, another is refused.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, and_, insert, select, update

from secure_ds.privacy.errors import StepConflict
from secure_ds.store.errors import AnswerConflict, NotFound
from secure_ds.store.repositories.base import Repository, columns_of, find, values_of
from secure_ds.store.rows import StepRow
from secure_ds.store.tables import jobs, steps


class Steps(Repository):
    """The released steps of all jobs."""

    def spent(self, row: StepRow) -> StepRow:
        """Record a step whose release is paid for, and return what is recorded.

        Raises:
            StepConflict: the step is recorded for other weights or another ciphertext.
        """
        known = self._find(row.job_id, row.step, lock=True)
        if known is None:
            self._connection.execute(insert(steps), values_of(row))
            return row
        if (known.weights_digest, known.ciphertext_digest) != (row.weights_digest, row.ciphertext_digest):
            raise StepConflict(f"step {row.step} of {row.job_id} was recorded for another ciphertext")
        return known

    def answered(self, job_id: str, step: int, answer: Sequence[int]) -> StepRow:
        """Record the answer to a step, counting it as done, and return the row.

        Raises:
            NotFound: the step is not recorded.
            AnswerConflict: it has another answer.
        """
        row = self._find(job_id, step, lock=True)
        if row is None:
            raise NotFound(f"job {job_id} has recorded no step {step}")
        if row.answer not in (None, tuple(answer)):
            raise AnswerConflict(f"step {step} of {job_id} has another answer already")
        if row.answer is None:
            self._connection.execute(update(steps).where(_is(job_id, step)).values(answer=tuple(answer)))
            self._connection.execute(update(jobs).where(jobs.c.id == job_id).values(steps_done=jobs.c.steps_done + 1))
        return replace(row, answer=tuple(answer))

    def get(self, job_id: str, step: int) -> StepRow | None:
        """Return a recorded step, or None."""
        return self._find(job_id, step)

    def list(self, job_id: str) -> Sequence[StepRow]:
        """Return the recorded steps of a job, in order."""
        query = select(*columns_of(steps, StepRow)).where(steps.c.job_id == job_id).order_by(steps.c.step)
        return [StepRow(**row) for row in self._connection.execute(query).mappings()]

    def _find(self, job_id: str, step: int, lock: bool = False) -> StepRow | None:
        return find(self._connection, steps, StepRow, _is(job_id, step), lock=lock)


def _is(job_id: str, step: int) -> ColumnElement[bool]:
    return and_(steps.c.job_id == job_id, steps.c.step == step)
