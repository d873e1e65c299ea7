"""What a simulated service shows: complete views with made-up values, any field of which a test may choose."""

import hashlib
from typing import Any

from secure_ds.core.ids import new_id
from secure_ds.wire.collaborations import CollaborationView
from secure_ds.wire.datasets import BudgetView, DatasetView
from secure_ds.wire.jobs import JobView, QuoteView, TrainingRequest
from secure_ds.wire.models import ModelView
from secure_ds.wire.predictions import NetworkView, PredictionView

NOW = "2026-01-02T03:04:05.000000Z"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def dataset_view(tenant: str = "acme", **changes: Any) -> DatasetView:
    view = DatasetView(
        id=new_id("ds"),
        tenant=tenant,
        owner="ada",
        name="wards",
        state="ready",
        sensitivity=2,
        n_records=569,
        n_features=30,
        feature_map="declared-bounds",
        purposes=["research"],
        parameters="standard",
        descriptor_digest=digest_of(b"descriptor"),
        created_at=NOW,
        blobs_total=1,
        blobs_missing=0,
        norms="verified",
    )
    return view.model_copy(update=changes)


def collaboration_view(tenant: str = "acme", **changes: Any) -> CollaborationView:
    view = CollaborationView(
        id=new_id("collab"),
        tenant=tenant,
        name="wards",
        members=[tenant, "initech"],
        purposes=["research"],
        n_features=30,
        feature_map="declared-bounds",
        parameters="standard",
        statement_digest=digest_of(b"statement"),
        created_at=NOW,
        data_sets=[],
    )
    return view.model_copy(update=changes)


def job_view(tenant: str = "acme", **changes: Any) -> JobView:
    view = JobView(
        id=new_id("job"),
        tenant=tenant,
        dataset_id=new_id("ds"),
        dataset_ids=[new_id("ds")],
        submitter="ada",
        purpose="research",
        algorithm="encrypted_logistic_regression",
        state="running",
        epsilon=1.0,
        delta=1e-5,
        steps_total=4,
        steps_done=1,
        plan={"steps": 4},
        plan_digest=digest_of(b"plan"),
        submitted_at=NOW,
    )
    return view.model_copy(update=changes)


def model_view(tenant: str = "acme", **changes: Any) -> ModelView:
    view = ModelView(
        id=new_id("model"),
        tenant=tenant,
        job_id=new_id("job"),
        dataset_id=new_id("ds"),
        algorithm="encrypted_logistic_regression",
        weights_digest=digest_of(b"weights"),
        certificate_digest=None,
        epsilon=1.0,
        delta=1e-5,
        created_at=NOW,
        card={"title": "a model"},
    )
    return view.model_copy(update=changes)


def network_view(tenant: str = "acme", **changes: Any) -> NetworkView:
    view = NetworkView(
        id=new_id("net"),
        tenant=tenant,
        owner="ada",
        name="digits",
        digest=digest_of(b"network"),
        n_inputs=4,
        n_outputs=2,
        levels=3,
        created_at=NOW,
    )
    return view.model_copy(update=changes)


def prediction_view(tenant: str = "acme", **changes: Any) -> PredictionView:
    view = PredictionView(
        id=new_id("pred"),
        tenant=tenant,
        network_id=new_id("net"),
        submitter="ada",
        state="uploading",
        n_records=10,
        files_missing=5,
        bytes_up=35,
        bytes_down=0,
        outputs=[],
        seconds=None,
        failure=None,
        created_at=NOW,
        finished_at=None,
    )
    return view.model_copy(update=changes)


def budget_view(dataset_id: str) -> BudgetView:
    return BudgetView(
        dataset_id=dataset_id,
        delta=1e-5,
        epsilon_limit=2.0,
        epsilon_spent=0.5,
        epsilon_reserved=0.25,
        epsilon_left=1.25,
        mu_squared_limit=0.2,
        mu_squared_spent=0.01,
        mu_squared_reserved=0.01,
        neighbours="zero-out-one-record",
        accountant="gdp",
        decryptions_used=3,
        decryptions_limit=32,
        decryptions_prior=0,
        statistical_bits=40.0,
        tau=32,
    )


def quote_view(body: TrainingRequest) -> QuoteView:
    return QuoteView(
        admissible=True,
        refusals=[],
        plan={"steps": 4},
        plan_digest=digest_of(b"plan"),
        epsilon=body.epsilon,
        delta=body.delta,
        epsilon_left=1.25,
        epsilon_charged=0.5,
        steps=4,
        sigma=12.5,
        sensitivity=1.0,
        statistical_bits=50.0,
        dual_evaluation=body.dual_evaluation,
        tau=32,
        decryptions_needed=4,
        decryptions_left=28,
        levels=5,
        blob_bytes=10_000_000,
        answer_bytes=260_000,
        seconds_estimate=12.0,
    )
