"""A sealed job with its worker and trainer, one act at a time, so that a test can falsify any of them."""

from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.core.digest import digest_json
from secure_ds.core.ids import new_id
from secure_ds.core.private_keys import public_point
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.sealed.grants import grant_sealed
from secure_ds.custodian.sealed.registration import register_sealed
from secure_ds.custodian.sealed.release import release_keys
from secure_ds.custodian.sealed.settlement import settle_sealed
from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.data.sealed.key import open_data_key, session_info
from secure_ds.jobs.settlement import Settlement
from secure_ds.store.rows import Lease
from secure_ds.wire.custodian import GrantRequest, Submitter
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import TrainingRequest
from secure_ds.wire.sealed import SealedKeyRequest, SealedKeys, Settled, SettleSealed
from tests.custodian.sealed.offers import SealedOffer

LEASE_SECONDS = 60.0
STEPS = 10


@dataclass(frozen=True)
class PlanByHand:
    """As much of a plan as the custodian looks at."""

    dataset_id: str
    request: str
    steps: int
    step_cost: tuple[int, ...]

    @property
    def digest(self) -> str:
        return digest_json({"dataset_id": self.dataset_id, "request": self.request, "steps": self.steps})


def plan_by_hand(descriptor: SealedDescriptor, request: TrainingRequest) -> PlanByHand:
    """A plan whose steps cost order * epsilon / 100 at each order."""
    cost = tuple(round(order * request.epsilon * 1e10) for order in descriptor.limits.orders)
    return PlanByHand(descriptor.dataset_id, request.model_dump_json(), request.steps or STEPS, cost)


@dataclass
class Trainer:
    """The keys of one trainer."""

    session: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    signing: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def session_key(self) -> str:
        return public_point(self.session)

    @property
    def signing_key(self) -> str:
        return self.signing.public_key().public_bytes_raw().hex()


@dataclass
class SealedJob:
    """One job on one data set; `fence` is that of the lease a worker holds on it."""

    custodian: CustodianContext
    offer: SealedOffer
    request: GrantRequest
    grant: Envelope
    fence: int
    trainer: Trainer = field(default_factory=Trainer)

    @property
    def job_id(self) -> str:
        return self.request.job_id

    def question(self, **changes: Any) -> SealedKeyRequest:
        """What the worker asks for its trainer, with fields replaced."""
        asked = {
            "grant": self.grant,
            "job_id": self.job_id,
            "fence": self.fence,
            "session_key": self.trainer.session_key,
            "signing_key": self.trainer.signing_key,
        }
        return SealedKeyRequest(**asked | changes)

    def ask(self, **changes: Any) -> SealedKeys:
        return release_keys(self.custodian, self.question(**changes))

    def open(self, released: SealedKeys, trainer: Trainer | None = None, **changes: Any) -> bytes:
        """Open what was released with a trainer's session key, as the job says unless bound otherwise."""
        trainer = trainer or self.trainer
        bound = {
            "job_id": self.job_id,
            "plan_digest": self.request.plan_digest,
            "fence": self.fence,
            "dataset_id": self.offer.dataset_id,
            "session_key": trainer.session_key,
        }
        info = session_info(**bound | changes)
        return open_data_key(released.key_of(self.offer.dataset_id), trainer.session, info)

    def settlement(self, steps: int, **changes: Any) -> Settlement:
        """What the trainer says of the job."""
        said = {
            "job_id": self.job_id,
            "plan_digest": self.request.plan_digest,
            "session_key": self.trainer.session_key,
            "steps_spent": steps,
        }
        return Settlement(**said | changes)

    def settle(self, steps: int, trainer: Trainer | None = None, **changes: Any) -> Settled:
        said = self.settlement(steps, **changes)
        signature = said.sign((trainer or self.trainer).signing)
        return settle_sealed(self.custodian, SettleSealed(statement=said.statement, signature=signature))

    def taken_over(self) -> "SealedJob":
        """The job under the next worker's lease, with a fresh trainer."""
        return replace(self, fence=take_over(self.custodian, self.job_id, self.fence), trainer=Trainer())


def start_job(
    custodian: CustodianContext, offer: SealedOffer | None = None, limits: dict[str, Any] | None = None, **asked: Any
) -> SealedJob:
    """Register a data set, or take one that is, have a job on it granted, and let a worker claim it."""
    if offer is None:
        offer = SealedOffer(custodian)
        register_sealed(custodian, offer.message(**({"limits": limits} if limits else {})))
    request = grant_request(offer, **asked)
    grant = grant_sealed(custodian, request).envelope
    return SealedJob(custodian, offer, request, grant, claim(custodian, request.job_id))


def grant_request(offer: SealedOffer, **asked: Any) -> GrantRequest:
    """What the service asks for a job."""
    job_id = asked.pop("job_id", new_id("job"))
    wanted = {"dataset_id": offer.dataset_id, "purpose": "research", "epsilon": 1.0, "delta": 1e-5} | asked
    training = TrainingRequest(**wanted)
    return GrantRequest(
        job_id=job_id,
        request=training,
        dataset_ids=[offer.dataset_id],
        plan_digest=plan_by_hand(offer.descriptor(), training).digest,
        submitter=Submitter(id="alice", tenant="clinic", roles=["data_owner"], purposes=["research"], clearance=3),
        request_id=new_id("req"),
    )


def claim(custodian: CustodianContext, job_id: str) -> int:
    """Queue the job's training and claim it as a worker does; return the fence."""
    with custodian.store.write() as work:
        work.work.enqueue("train", job_id)
        lease = work.work.claim("worker-1", LEASE_SECONDS)
    assert lease is not None
    assert lease.subject_id == job_id
    return lease.fence


def take_over(custodian: CustodianContext, job_id: str, fence: int) -> int:
    """Let the lease of a job go and have another worker claim it; return the new fence."""
    with custodian.store.write() as work:
        work.work.let_go(Lease("train", job_id, "worker-1", fence, custodian.clock.now()))
        lease = work.work.claim("worker-2", LEASE_SECONDS)
    assert lease is not None
    assert lease.subject_id == job_id
    return lease.fence
