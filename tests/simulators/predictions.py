"""The verbs of networks and encrypted predictions, in memory: whatever is sent, nothing is evaluated."""

import base64
from collections.abc import Iterator
from typing import Any, BinaryIO

from secure_ds.core.principal import Caller
from secure_ds.services.errors import BlobTooLarge
from secure_ds.wire.datasets import BlobStatus
from secure_ds.wire.predictions import NetworkCreate, NetworkView, PredictionCreate, PredictionView
from tests.simulators.levers import own, sabotaged
from tests.simulators.views import digest_of, network_view, prediction_view


class SimulatedPredictions:
    """A part of `SimulatedService`."""

    def __init__(self) -> None:
        self.networks: dict[str, NetworkView] = {}
        self.network_file = b"network"
        self.predictions: dict[str, PredictionView] = {}

    def _once(self, key: str | None, body: Any, fresh: Any) -> Any:
        raise NotImplementedError

    @sabotaged
    def register_network(self, caller: Caller, body: NetworkCreate, idempotency_key: str | None, /) -> NetworkView:
        view = network_view(caller.principal.tenant, name=body.name)
        self.network_file = base64.b64decode(body.file)
        view = self._once(idempotency_key, body, view.model_copy(update={"digest": digest_of(self.network_file)}))
        return self.networks.setdefault(view.id, view)

    @sabotaged
    def show_network(self, caller: Caller, network_id: str, /) -> NetworkView:
        return own(self.networks, caller, network_id)

    @sabotaged
    def download_network(self, caller: Caller, network_id: str, /) -> bytes:
        own(self.networks, caller, network_id)
        return self.network_file

    @sabotaged
    def request_prediction(
        self, caller: Caller, body: PredictionCreate, idempotency_key: str | None, /
    ) -> PredictionView:
        own(self.networks, caller, body.network_id)
        view = prediction_view(caller.principal.tenant, network_id=body.network_id, n_records=body.n_records)
        view = self._once(idempotency_key, body, view)
        return self.predictions.setdefault(view.id, view)

    @sabotaged
    def show_prediction(self, caller: Caller, prediction_id: str, /) -> PredictionView:
        return own(self.predictions, caller, prediction_id)

    @sabotaged
    def prediction_file_status(self, caller: Caller, prediction_id: str, digest: str, /) -> BlobStatus:
        own(self.predictions, caller, prediction_id)
        return BlobStatus(digest=digest, offset=0, total=7, complete=False)

    @sabotaged
    def upload_prediction_file(
        self, caller: Caller, prediction_id: str, digest: str, offset: int, stream: BinaryIO, length: int | None, /
    ) -> BlobStatus:
        own(self.predictions, caller, prediction_id)
        arrived = offset + len(stream.read(1 << 20))
        if offset or arrived > 7:
            raise BlobTooLarge("this file has 7 bytes by its plan")
        return BlobStatus(digest=digest, offset=arrived, total=7, complete=arrived == 7)

    @sabotaged
    def download_prediction_file(self, caller: Caller, prediction_id: str, digest: str, /) -> Iterator[bytes]:
        own(self.predictions, caller, prediction_id)
        return iter((b"an", b"swer"))
