"""Fifty people submit at the same moment to a data set whose budget holds three jobs: three are admitted."""

import threading
from concurrent.futures import ThreadPoolExecutor

from secure_ds.ckks.profiles import STRONG
from secure_ds.client.client import Client
from secure_ds.client.errors import ProblemError
from secure_ds.core.principal import Role
from secure_ds.privacy.ledger import Limit
from secure_ds.wire.jobs import JobSubmit
from tests.e2e.live import LiveInstance
from tests.e2e.owner import finished, job_body, ready_dataset, submit
from tests.installation import declaration, random_records

SUBMITTERS = 50
ADMITTED = 3
DELTA = 1e-5
STEPS = 2
MAX_DECRYPTIONS = 32


def test_fifty_submissions_at_once(database_url: str) -> None:
    records = random_records()
    with LiveInstance(database_url) as live:
        live.start()
        owner, *others = [live.client("alice", Role.DATA_OWNER) for _ in range(SUBMITTERS)]
        limits = declaration(records, profile=STRONG, epsilon=_epsilon_for(ADMITTED), max_decryptions=MAX_DECRYPTIONS)
        dataset_id = ready_dataset(owner, live.home / "package", records, limits).dataset_id
        body = job_body(dataset_id, epsilon=1.0, steps=STEPS)
        outcomes = _all_at_once([owner, *others], body)
        admitted = [outcome for outcome in outcomes if isinstance(outcome, str)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, ProblemError)]
        assert (len(admitted), len(refused)) == (ADMITTED, SUBMITTERS - ADMITTED)
        assert {(error.status, error.code) for error in refused} == {(409, "budget_exceeded")}
        said = {error.facts["epsilon_left"] for error in refused}
        assert len(said) == 1  # all were refused by the same state of the budget
        fits = submit(owner, job_body(dataset_id, epsilon=said.pop(), steps=STEPS))
        for job_id in [*admitted, fits.id]:
            assert finished(owner, job_id).state == "succeeded"
        budget = owner.budget(dataset_id)
        assert 0 < budget.epsilon_spent <= budget.epsilon_limit
        assert budget.decryptions_used == (ADMITTED + 1) * STEPS
        assert {job.id for job in owner.jobs(dataset_id)} == {fits.id, *admitted}


def _epsilon_for(jobs: int) -> float:
    """The smallest limit, in tenths, that holds so many jobs of epsilon = 1 and not one more."""
    limits = (Limit(tenths / 10, DELTA, MAX_DECRYPTIONS, 4) for tenths in range(10, 40))
    found = next(limit for limit in limits if limit.units >= jobs * limit.units_for(1.0, DELTA))
    assert found.units < (jobs + 1) * found.units_for(1.0, DELTA)
    return found.epsilon


def _all_at_once(clients: list[Client], body: JobSubmit) -> list[str | ProblemError]:
    barrier = threading.Barrier(len(clients))

    def ask(client: Client) -> str | ProblemError:
        barrier.wait()
        try:
            return client.submit_job(body).id
        except ProblemError as error:
            return error

    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(ask, clients))
