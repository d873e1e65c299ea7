"""The service's verbs in memory: same interface, no policy, no database, and one lever to sabotage each verb.

Two tenants have a token each; what belongs to the other is not there. `failing["verb"] = error` makes a verb raise.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller, Principal, Role
from secure_ds.services.errors import (
    BlobDigestMismatch,
    BlobTooLarge,
    ExpiredToken,
    IdempotencyConflict,
    InvalidToken,
    NotFound,
    StateConflict,
    UploadOffsetMismatch,
)
from secure_ds.wire.audit import AuditQuery, CheckpointView, ConsistencyProofView, EntryView, InclusionProofView
from secure_ds.wire.base import Page
from secure_ds.wire.collaborations import CollaborationCreate, CollaborationView, ConsentGive, ConsentView
from secure_ds.wire.datasets import BlobStatus, BudgetView, DatasetCreate, DatasetView, Envelope
from secure_ds.wire.jobs import JobEvent, JobSubmit, JobView, QuoteView, StepView, TrainingRequest
from secure_ds.wire.models import ModelView
from secure_ds.wire.service import ExplainRequest, ExplainView, KeyView, PolicySetView, PublicKeys, Readiness, WhoAmI
from tests.simulators.levers import own, sabotaged
from tests.simulators.predictions import SimulatedPredictions
from tests.simulators.views import (
    NOW,
    budget_view,
    collaboration_view,
    dataset_view,
    digest_of,
    job_view,
    model_view,
    quote_view,
)

TOKEN = "sds_" + "a" * 26 + "_" + "A" * 43
OTHER_TENANT_TOKEN = "sds_" + "b" * 26 + "_" + "B" * 43
EXPIRED_TOKEN = "sds_" + "c" * 26 + "_" + "C" * 43
CERTIFICATE = {
    "payload": "e30=",
    "payloadType": "application/vnd.in-toto+json",
    "signatures": [{"keyid": "k", "sig": "AA=="}],
}
PUBLIC_KEYS = PublicKeys(
    sealing_key="BAAA", certificate_key="-----BEGIN PUBLIC KEY-----", checkpoint_key="log+0+A", keystore="simulated"
)


def principal(tenant: str) -> Principal:
    return Principal(f"user-of-{tenant}", tenant, frozenset({Role.DATA_OWNER}), frozenset({"research"}), 2)


class SimulatedService(SimulatedPredictions):
    """Implements `api.verbs.Verbs`."""

    def __init__(self) -> None:
        self.failing: dict[str, Exception] = {}
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.datasets: dict[str, DatasetView] = {}
        self.envelopes: dict[str, Envelope] = {}
        self.collaborations: dict[str, CollaborationView] = {}
        self.blobs: dict[tuple[str, str], tuple[bytearray, int]] = {}
        self.jobs: dict[str, JobView] = {}
        self.events: list[JobEvent | None] = []
        self.models: dict[str, ModelView] = {}
        super().__init__()
        self.remembered: dict[str, tuple[Any, Any]] = {}
        self.ready = True

    def add_dataset(self, *blobs: bytes, tenant: str = "acme") -> DatasetView:
        """Announce a data set whose blobs have these contents; none has arrived."""
        view = dataset_view(tenant, state="uploading", blobs_total=len(blobs), blobs_missing=len(blobs))
        self.datasets[view.id] = view
        for content in blobs:
            self.blobs[view.id, digest_of(content)] = (bytearray(), len(content))
        return view

    def add_job(self, **changes: Any) -> JobView:
        view = job_view(**changes)
        self.jobs[view.id] = view
        return view

    def add_model(self, **changes: Any) -> ModelView:
        view = model_view(**changes)
        self.models[view.id] = view
        return view

    @sabotaged
    def authenticate(self, bearer: str, /) -> Principal:
        if bearer == EXPIRED_TOKEN:
            raise ExpiredToken("the bearer token has expired", remedy="ask for a new one")
        tenants = {TOKEN: "acme", OTHER_TENANT_TOKEN: "globex"}
        if bearer not in tenants:
            raise InvalidToken("the bearer token is not valid")
        return principal(tenants[bearer])

    @sabotaged
    def who_am_i(self, caller: Caller, /) -> WhoAmI:
        who = caller.principal
        return WhoAmI(
            id=who.id,
            tenant=who.tenant,
            roles=sorted(who.roles),
            purposes=sorted(who.purposes),
            clearance=who.clearance,
        )

    @sabotaged
    def readiness(self) -> Readiness:
        return Readiness(ready=self.ready, parts={"database": "ok" if self.ready else "does not answer"})

    @sabotaged
    def register_dataset(self, caller: Caller, body: DatasetCreate, idempotency_key: str | None, /) -> DatasetView:
        described = _described(body)
        dataset_id = described.get("dataset_id", new_id("ds"))
        view = dataset_view(caller.principal.tenant, id=dataset_id, name=body.name, state="uploading")
        if dataset_id in self.datasets and idempotency_key not in self.remembered:
            raise StateConflict("this data set is registered already")
        view = self._once(idempotency_key, body, view)
        self.envelopes[view.id] = body.envelope
        for blob in (*described.get("evaluation_keys", ()), *described.get("blocks", ())):
            self.blobs.setdefault((view.id, blob["digest"]), (bytearray(), blob["bytes"]))
        return self.datasets.setdefault(view.id, view)

    @sabotaged
    def list_datasets(self, caller: Caller, cursor: str | None, limit: int, /) -> Page[DatasetView]:
        return _page(self.datasets.values(), caller, cursor, limit)

    @sabotaged
    def show_dataset(self, caller: Caller, dataset_id: str, /) -> DatasetView:
        return own(self.datasets, caller, dataset_id)

    @sabotaged
    def show_descriptor(self, caller: Caller, dataset_id: str, /) -> Envelope:
        own(self.datasets, caller, dataset_id)
        return self.envelopes.get(dataset_id) or Envelope.model_validate(CERTIFICATE)

    @sabotaged
    def show_budget(self, caller: Caller, dataset_id: str, /) -> BudgetView:
        return budget_view(own(self.datasets, caller, dataset_id).id)

    @sabotaged
    def blob_status(self, caller: Caller, dataset_id: str, digest: str, /) -> BlobStatus:
        arrived, total = self._blob(caller, dataset_id, digest)
        return BlobStatus(digest=digest, offset=len(arrived), total=total, complete=len(arrived) == total)

    @sabotaged
    def upload_blob(
        self, caller: Caller, dataset_id: str, digest: str, offset: int, stream: BinaryIO, length: int | None, /
    ) -> BlobStatus:
        arrived, total = self._blob(caller, dataset_id, digest)
        if offset != len(arrived):
            raise UploadOffsetMismatch(f"{len(arrived)} bytes have arrived, not {offset}")
        if offset + (length or 0) > total:
            raise BlobTooLarge(f"this blob has {total} bytes by its descriptor")
        while piece := stream.read(4096):
            arrived += piece
            if len(arrived) > total:
                raise BlobTooLarge(f"this blob has {total} bytes by its descriptor")
        if len(arrived) == total and digest_of(arrived) != digest:
            arrived.clear()
            raise BlobDigestMismatch("the bytes that arrived are not those that were announced")
        return self.blob_status(caller, dataset_id, digest)

    @sabotaged
    def download_blob(self, caller: Caller, dataset_id: str, digest: str, /) -> Iterator[bytes]:
        arrived, _ = self._blob(caller, dataset_id, digest)
        return (bytes(arrived[start : start + 1000]) for start in range(0, len(arrived), 1000))

    @sabotaged
    def finish_upload(self, caller: Caller, dataset_id: str, /) -> DatasetView:
        view = own(self.datasets, caller, dataset_id)
        missing = sum(len(arrived) < total for (owner, _), (arrived, total) in self.blobs.items() if owner == view.id)
        if missing:
            raise StateConflict(f"{missing} blobs have not arrived", facts={"missing": missing})
        self.datasets[view.id] = view.model_copy(update={"state": "checking", "blobs_missing": 0})
        return self.datasets[view.id]

    @sabotaged
    def create_collaboration(
        self, caller: Caller, body: CollaborationCreate, idempotency_key: str | None, /
    ) -> CollaborationView:
        view = self._once(idempotency_key, body, collaboration_view(caller.principal.tenant, name=body.name))
        return self.collaborations.setdefault(view.id, view)

    @sabotaged
    def list_collaborations(self, caller: Caller, cursor: str | None, limit: int, /) -> Page[CollaborationView]:
        return _page(self.collaborations.values(), caller, cursor, limit)

    @sabotaged
    def show_collaboration(self, caller: Caller, collaboration_id: str, /) -> CollaborationView:
        return own(self.collaborations, caller, collaboration_id)

    @sabotaged
    def show_statement(self, caller: Caller, collaboration_id: str, /) -> Envelope:
        own(self.collaborations, caller, collaboration_id)
        return Envelope.model_validate(CERTIFICATE)

    @sabotaged
    def download_group_file(self, caller: Caller, collaboration_id: str, digest: str, /) -> Iterator[bytes]:
        own(self.collaborations, caller, collaboration_id)
        return iter([b"a key"])

    @sabotaged
    def join_collaboration(self, caller: Caller, dataset_id: str, body: ConsentGive, /) -> ConsentView:
        return self._consent(caller, dataset_id, "joined")

    @sabotaged
    def withdraw_from_collaboration(self, caller: Caller, dataset_id: str, body: ConsentGive, /) -> ConsentView:
        return self._consent(caller, dataset_id, "withdrawn")

    @sabotaged
    def quote_job(self, caller: Caller, body: TrainingRequest, /) -> QuoteView:
        return quote_view(body)

    @sabotaged
    def submit_job(self, caller: Caller, body: JobSubmit, idempotency_key: str | None, /) -> JobView:
        dataset_id = body.dataset_id or new_id("ds")
        view = job_view(caller.principal.tenant, dataset_id=dataset_id, state="queued", steps_done=0)
        view = self._once(idempotency_key, body, view)
        self.jobs[view.id] = view
        return view

    @sabotaged
    def list_jobs(self, caller: Caller, cursor: str | None, limit: int, dataset_id: str | None, /) -> Page[JobView]:
        chosen = [job for job in self.jobs.values() if dataset_id in (None, job.dataset_id)]
        return _page(chosen, caller, cursor, limit)

    @sabotaged
    def show_job(self, caller: Caller, job_id: str, /) -> JobView:
        return own(self.jobs, caller, job_id)

    @sabotaged
    def cancel_job(self, caller: Caller, job_id: str, /) -> JobView:
        view = own(self.jobs, caller, job_id)
        self.jobs[view.id] = view.model_copy(update={"cancel_requested": True})
        return self.jobs[view.id]

    @sabotaged
    def job_events(self, caller: Caller, job_id: str, after: int, limit: int | None, /) -> Iterator[JobEvent | None]:
        own(self.jobs, caller, job_id)
        chosen = [event for event in self.events if event is None or event.id > after]
        return iter(chosen[:limit])

    @sabotaged
    def list_steps(self, caller: Caller, job_id: str, /) -> Page[StepView]:
        own(self.jobs, caller, job_id)
        step = StepView(
            step=0,
            fence=1,
            weights_digest=digest_of(b"w"),
            ciphertext_digest=digest_of(b"c"),
            spent_units="250000000",
            answer=["-3", "12345678901234567890"],
            spent_at=NOW,
        )
        return Page(items=[step])

    @sabotaged
    def list_models(self, caller: Caller, cursor: str | None, limit: int, /) -> Page[ModelView]:
        return _page(self.models.values(), caller, cursor, limit)

    @sabotaged
    def show_model(self, caller: Caller, model_id: str, /) -> ModelView:
        return own(self.models, caller, model_id)

    @sabotaged
    def download_weights(self, caller: Caller, model_id: str, /) -> bytes:
        own(self.models, caller, model_id)
        return b"weights"

    @sabotaged
    def download_certificate(self, caller: Caller, model_id: str, /) -> bytes:
        own(self.models, caller, model_id)
        return json.dumps(CERTIFICATE).encode()

    @sabotaged
    def list_keys(self, caller: Caller, /) -> Page[KeyView]:
        key = KeyView(
            label="sealing", version=1, purpose="derive", algorithm="P-256", state="active", key_id=new_id("key")
        )
        return Page(items=[key])

    @sabotaged
    def public_keys(self) -> PublicKeys:
        return PUBLIC_KEYS

    @sabotaged
    def show_policies(self, caller: Caller, /) -> PolicySetView:
        return PolicySetView(version="sha256:1", policies={"owner-reads": "permit (principal, action, resource);"})

    @sabotaged
    def explain(self, caller: Caller, body: ExplainRequest, /) -> ExplainView:
        return ExplainView(
            allowed=False, policy_ids=["no-other-tenant"], policy_version="sha256:1", explanation="because"
        )

    @sabotaged
    def query_audit(self, caller: Caller, query: AuditQuery, /) -> Page[EntryView]:
        newest = int(query.cursor) if query.cursor and query.cursor.isdecimal() else 1000
        indices = range(newest - 1, max(newest - 1 - query.limit, -1), -1)
        entries = [
            EntryView(
                index=index,
                time=NOW,
                actor="ada",
                tenant=caller.principal.tenant,
                action=query.action or "dataset:read",
                outcome="allowed",
                entry={"index": index},
            )
            for index in indices
        ]
        return Page(items=entries, next=str(indices[-1]) if indices and indices[-1] else None)

    @sabotaged
    def export_audit(self, caller: Caller, form: str, /) -> Iterator[bytes]:
        return iter([b'{"format":"export/1"}\n', b'{"index":0}\n'] if form == "jsonl" else [b"index,time\n"])

    @sabotaged
    def latest_checkpoint(self, caller: Caller, /) -> CheckpointView:
        return CheckpointView(size=1000, checkpoint="log\n1000\nAAAA\n")

    @sabotaged
    def prove_inclusion(self, caller: Caller, index: int, size: int | None, /) -> InclusionProofView:
        return InclusionProofView(index=index, size=size or 1000, leaf_hash="00" * 32, path=[])

    @sabotaged
    def prove_consistency(self, caller: Caller, old_size: int, new_size: int | None, /) -> ConsistencyProofView:
        return ConsistencyProofView(old_size=old_size, new_size=new_size or 1000, path=[])

    def _consent(self, caller: Caller, dataset_id: str, verdict: str) -> ConsentView:
        return ConsentView(
            collaboration_id=new_id("collab"),
            dataset_id=own(self.datasets, caller, dataset_id).id,
            verdict=verdict,
            number=1,
            receipt=Envelope.model_validate(CERTIFICATE),
        )

    def _blob(self, caller: Caller, dataset_id: str, digest: str) -> tuple[bytearray, int]:
        own(self.datasets, caller, dataset_id)
        if (dataset_id, digest) not in self.blobs:
            raise NotFound("the data set's descriptor announces no blob with this digest")
        return self.blobs[dataset_id, digest]

    def _once(self, key: str | None, body: Any, fresh: Any) -> Any:
        if key is None:
            return fresh
        seen_body, answer = self.remembered.setdefault(key, (body, fresh))
        if seen_body != body:
            raise IdempotencyConflict("the idempotency key was used before with another request")
        return answer


def _described(body: DatasetCreate) -> dict[str, Any]:
    """Read the payload of an envelope, unverified; nothing where it is no descriptor."""
    try:
        document = json.loads(base64.b64decode(body.envelope.payload))
    except ValueError:
        return {}
    return document if isinstance(document, dict) and "blocks" in document else {}


def _page(objects: Any, caller: Caller, cursor: str | None, limit: int) -> Page[Any]:
    own = sorted((each for each in objects if each.tenant == caller.principal.tenant), key=lambda each: each.id)
    rest = [each for each in own if cursor is None or each.id > cursor]
    return Page(items=rest[:limit], next=rest[limit - 1].id if len(rest) > limit else None)
