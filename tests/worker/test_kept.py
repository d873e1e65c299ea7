"""What depends on the data sets alone is computed once, and under dual evaluation by every worker for itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.format import ciphertext_bytes
from secure_ds.core.ids import new_id
from secure_ds.services.context import ServiceContext
from secure_ds.training.encrypted.release import digest_of
from secure_ds.worker.kept import kept_or_computed
from tests.data.descriptors import PARAMETERS
from tests.installation import Installation

SIZE = ciphertext_bytes(PARAMETERS, 0)
HONEST = [b"h" * SIZE, b"i" * SIZE]
DEVIATING = [b"d" * SIZE, b"e" * SIZE]
INPUTS = "sha256:" + "1" * 64
DATASET = new_id("ds")


@pytest.fixture
def context(tmp_path: Path) -> ServiceContext:
    return Installation(tmp_path, f"sqlite:///{tmp_path}/service.db").context


def plan(**changes: Any) -> Any:
    """As much of a plan as this looks at: two ciphertexts a step, which follow from the data alone."""
    facts = SimpleNamespace(parts=[SimpleNamespace(dataset_id=DATASET)], parameters=PARAMETERS)
    forms = 2 * (SimpleNamespace(level=0),)
    honest = {"evaluation_digest": INPUTS, "dual_evaluation": False, "facts": facts, "releases": lambda _: forms}
    return SimpleNamespace(**honest | changes)


class Evaluator:
    """Counts how often it computes."""

    def __init__(self, ciphertexts: list[bytes] = HONEST) -> None:
        self.ciphertexts = ciphertexts
        self.times = 0

    def __call__(self) -> list[bytes]:
        self.times += 1
        return self.ciphertexts


def test_a_second_job_computes_nothing_again(context: ServiceContext) -> None:
    first, second = Evaluator(), Evaluator()
    assert kept_or_computed(context, plan(), first) == kept_or_computed(context, plan(), second) == HONEST
    assert (first.times, second.times) == (1, 0)


@pytest.mark.parametrize("digest", [None, "sha256:" + "2" * 64], ids=["weights matter", "other inputs"])
def test_what_follows_from_something_else_is_computed(context: ServiceContext, digest: str | None) -> None:
    kept_or_computed(context, plan(), Evaluator())
    other = Evaluator(DEVIATING)
    assert kept_or_computed(context, plan(evaluation_digest=digest), other) == DEVIATING


def test_a_worker_under_dual_evaluation_believes_nothing_that_was_kept(context: ServiceContext) -> None:
    """Else a worker that deviates would write there what the honest one of another domain then attests."""
    kept_or_computed(context, plan(), Evaluator(DEVIATING))
    honest = Evaluator()
    assert kept_or_computed(context, plan(dual_evaluation=True), honest) == HONEST
    assert honest.times == 1


def test_a_changed_file_is_computed_again(context: ServiceContext, tmp_path: Path) -> None:
    kept_or_computed(context, plan(), Evaluator())
    (kept,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    kept.chmod(0o600)
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    again = Evaluator()
    assert kept_or_computed(context, plan(), again) == HONEST
    assert again.times == 1


def test_a_lost_file_that_comes_out_otherwise_is_refused(context: ServiceContext) -> None:
    kept_or_computed(context, plan(), Evaluator())
    context.blobs.delete(DATASET, digest_of(HONEST))
    with pytest.raises(EvaluationRefused):
        kept_or_computed(context, plan(), Evaluator(DEVIATING))
