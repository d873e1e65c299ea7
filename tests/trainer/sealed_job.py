"""A small sealed data set, a job on it, and a worker that pays and writes down what the trainer says."""

import io
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rfc8785

from secure_ds.core.frames import receive, send
from secure_ds.core.ids import new_id
from secure_ds.data.records import Records
from secure_ds.data.sealed.container import ContainerWriter
from secure_ds.data.sealed.descriptor import SealedDescriptor, parse_sealed_descriptor
from secure_ds.data.sealed.key import new_data_key, session_info, session_point
from secure_ds.data.sealed.schema import parse_schema
from secure_ds.data.sealing import seal
from secure_ds.services.planning import sealed_facts
from secure_ds.trainer.channel import Channel
from secure_ds.trainer.serve import serve
from secure_ds.training.dp.plan import DpPlan, DpRequest, make_dp_plan
from secure_ds.worker.trainer_process import Hello, Trainer, TrainerLost
from tests.data.sealed.descriptors import sealed_descriptor_json

ROWS = 400
COLUMNS = ("a", "b", "c")
CLASSES = ("low", "high")
FENCE = 7
SCHEMA = {
    "kind": "table",
    "columns": [{"name": name, "low": -1.0, "high": 1.0} for name in COLUMNS],
    "label": {"column": "label", "classes": list(CLASSES)},
}


def separable(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Rows whose class is the sign of the first column."""
    values = np.random.default_rng(seed).uniform(-1, 1, (rows, len(COLUMNS)))
    columns = {name: values[:, place] for place, name in enumerate(COLUMNS)}
    return {**columns, "label": np.array(CLASSES)[(values[:, 0] > 0).astype(int)]}


def public_test(rows: int = 500) -> bytes:
    """Other rows of the same kind, as the model takes them, in an .npz file."""
    columns = separable(rows, 99)
    inputs = np.stack([(columns[name] + 1) / 2 for name in COLUMNS], axis=1).astype(np.float32)
    file = io.BytesIO()
    np.savez(file, inputs=inputs, targets=(columns["label"] == CLASSES[1]).astype(np.int64))
    return file.getvalue()


@dataclass
class SealedJob:
    """Files, descriptor, plan and key of one job."""

    descriptor: SealedDescriptor
    parts: list[Path]
    data_key: bytes = field(repr=False)
    plan: DpPlan = field(repr=False)
    job_id: str = field(default_factory=lambda: new_id("job"))

    def sealed_key(self, hello: Hello, **changes: Any) -> bytes:
        """The data key as the custodian seals it for a trainer."""
        bound = {
            "job_id": self.job_id,
            "plan_digest": self.plan.digest,
            "fence": FENCE,
            "dataset_id": self.descriptor.dataset_id,
            "session_key": hello.session_key,
        }
        return seal(self.data_key, session_point(hello.session_key), session_info(**bound | changes))

    def order(self, hello: Hello, **changes: Any) -> dict[str, Any]:
        """The arguments of `Trainer.start_job`."""
        return {
            "job_id": self.job_id,
            "fence": FENCE,
            "plan": self.plan.to_json(),
            "descriptor": self.descriptor.canonical,
            "parts": [str(path) for path in self.parts],
            "sealed_key": self.sealed_key(hello),
            "checkpoint": None,
            "checkpoint_every": 5,
            "performance": {"device": "cpu"},
        } | changes


def make_job(directory: Path, **asked: Any) -> SealedJob:
    """Seal the records into files and plan a job on them."""
    schema, dataset_id, data_key = parse_schema(rfc8785.dumps(SCHEMA)), new_id("ds"), new_data_key()
    writer = ContainerWriter(schema, dataset_id, data_key, ROWS, part_rows=150)
    paths = [directory / f"part-{number}" for number in range(writer.n_parts)]
    written = writer.write([Records(separable(ROWS, 1))], lambda number: paths[number].open("wb"))
    fields = {
        "dataset_id": dataset_id,
        "records": schema.to_json(),
        "n_rows": ROWS,
        "n_units": ROWS,
        "parts": [part.model_dump(mode="json") for part in written],
        "limits": {"epsilon": 100.0, "delta": 1e-4, "purposes": ["research"], "orders": [2.0, 8.0, 32.0]},
    }
    descriptor = parse_sealed_descriptor(rfc8785.dumps(sealed_descriptor_json(**fields)))
    model = {"family": "mlp", "task": "classify", "n_inputs": len(COLUMNS), "hidden": [8], "n_classes": len(CLASSES)}
    wanted = {"epsilon": 8.0, "delta": 1e-5, "purpose": "research", "model": model, "steps": 20, "batch_size": 80}
    plan = make_dp_plan(sealed_facts(descriptor), DpRequest(algorithm="sealed_dp_sgd", **wanted | asked))
    return SealedJob(descriptor, paths, data_key, plan)


class ThreadTrainer(Trainer):
    """The same talk with a trainer in a thread of this process: a new process takes seconds to start."""

    def __init__(self, silence_seconds: float = 60.0) -> None:
        to_trainer, from_trainer = os.pipe(), os.pipe()
        self._silence_seconds = silence_seconds
        self._outgoing, self._incoming = os.fdopen(to_trainer[1], "wb"), os.fdopen(from_trainer[0], "rb")
        self._ends = os.fdopen(to_trainer[0], "rb"), os.fdopen(from_trainer[1], "wb")
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        hello, _ = self._next(self._silence_seconds)
        self.hello = Hello(hello["session_key"], hello["signing_key"])

    def _live(self) -> None:
        serve(Channel(*self._ends))
        self._ends[1].close()

    def _send(self, message: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        send(self._outgoing, message, blobs)

    def _next(self, seconds: float) -> tuple[dict[str, Any], list[bytes]]:
        try:
            return receive(self._incoming)
        except EOFError:
            raise TrainerLost("the trainer has ended") from None

    def __exit__(self, *_: object) -> None:
        self._outgoing.close()
        self._thread.join(20)
        self._incoming.close()


@dataclass
class Ledger:
    """A worker's memory: what was paid, and what was heard, in order."""

    hello: Hello | None = None
    paid: int = 0
    heard: list[tuple[dict[str, Any], list[bytes]]] = field(default_factory=list)

    def of(self, kind: str) -> list[tuple[dict[str, Any], list[bytes]]]:
        return [(message, blobs) for message, blobs in self.heard if message["kind"] == kind]

    def follow(self, trainer: Trainer) -> Iterator[dict[str, Any]]:
        """Pay for what the trainer asks to spend; yield every message after it was written down."""
        for message, blobs in trainer.messages():
            self.heard.append((message, blobs))
            if message["kind"] == "spend":
                self.paid = max(self.paid, message["steps"])
                trainer.spent(message["steps"])
            yield message
