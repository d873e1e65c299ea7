"""Encrypted predictions of a convolutional network from torch on 1,000 MNIST test images, through the service.

The network is trained here, in the clear, on the public training images: convolution 5 x 5 with stride 2 (4 channels),
square, average pooling, 64 hidden units, square, 10 outputs. Converted, handed in, planned with a proven error, and
applied to ciphertexts under the client's own key. Compared are the labels of the torch model on the same images; where
the margin between the two largest outputs exceeds twice the proven error, they must agree.
"""

import base64

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchmarks.data_files import data_file
from benchmarks.harness import running_service
from benchmarks.rows import Row
from secure_ds.ckks.layers.polynomials import SQUARE
from secure_ds.ckks.network_files import write_network
from secure_ds.client.encrypted_prediction import EncryptedPrediction, predict_encrypted
from secure_ds.models.torch_modules import PolynomialActivation, to_network
from secure_ds.wire.predictions import NetworkCreate

IMAGES, EPOCHS, MAX_ERROR = 1000, 3, 0.05
LEAST_AGREEMENT, MOST_SECONDS = 99.9, 120.0
Reals = npt.NDArray[np.float64]


def run() -> list[Row]:
    """Train, convert, hand in, predict once."""
    with np.load(data_file("mnist.npz")) as data:
        arrays = {name: data[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    model = trained(arrays["x_train"], arrays["y_train"])
    images, truth = arrays["x_test"][:IMAGES], arrays["y_test"][:IMAGES]
    network = to_network(model, (1, 28, 28), low=0.0, high=1.0)
    body = NetworkCreate(name="digits", file=base64.b64encode(write_network(network)).decode())
    with running_service() as owner, owner.watch_memory() as memory:
        view = owner.client.register_network(body)
        X = images.reshape(IMAGES, -1) / 255.0
        prediction = predict_encrypted(owner.client, view.id, X, max_error=MAX_ERROR)
    with torch.no_grad():
        clear = model.double()(torch.from_numpy(X.reshape(-1, 1, 28, 28))).numpy()
    return [*_agreement_rows(prediction, clear, truth), *_cost_rows(prediction, memory.peak)]


def trained(images: npt.NDArray[np.uint8], digits: npt.NDArray[np.uint8]) -> nn.Sequential:
    """Train the network; the seed is fixed."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=2),
        PolynomialActivation(SQUARE),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(144, 64),
        PolynomialActivation(SQUARE),
        nn.Linear(64, 10),
    )
    x = torch.from_numpy(images.reshape(-1, 1, 28, 28)).float() / 255
    y = torch.from_numpy(digits.astype(np.int64))
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(x)), 256):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return model


def _agreement_rows(prediction: EncryptedPrediction, clear: Reals, truth: npt.NDArray[np.uint8]) -> list[Row]:
    labels, wanted = prediction.outputs.argmax(axis=1), clear.argmax(axis=1)
    agreement = 100 * float(np.mean(labels == wanted))
    ordered = np.sort(clear, axis=1)
    sure = ordered[:, -1] - ordered[:, -2] > 2 * prediction.error
    certain = 100 * float(np.mean(labels[sure] == wanted[sure]))
    largest = float(np.abs(prediction.outputs - clear).max())
    target = f"at least {LEAST_AGREEMENT}"
    return [
        Row(f"same label as in the clear, {IMAGES} images", agreement, "%", None, None, target, agreement >= 99.9),
        Row("  where the margin exceeds twice the proven error", certain, "%", None, None, "100", certain == 100),
        Row("  images of which that is so", float(sure.sum()), "1"),
        Row("largest error of an output", largest, "1", None, None, "at most the proven", largest <= prediction.error),
        Row("proven error of an output", prediction.error, "1"),
        Row("accuracy on ciphertexts", 100 * float(np.mean(labels == truth)), "%"),
        Row("accuracy in the clear", 100 * float(np.mean(wanted == truth)), "%"),
    ]


def _cost_rows(prediction: EncryptedPrediction, peak: int) -> list[Row]:
    evaluate = prediction.seconds["evaluate"]
    phases = [Row(f"  {name}, wall clock", seconds, "s") for name, seconds in prediction.seconds.items()]
    target = f"under {MOST_SECONDS:g}"
    return [
        Row("images of one batch, at most", prediction.batch, "1"),
        Row("evaluation, worker, wall clock", evaluate, "s", None, None, target, evaluate < MOST_SECONDS),
        Row("latency, from images to outputs, wall clock", prediction.latency, "s"),
        *phases,
        Row("evaluation for each image of a full batch", 1000 * evaluate / prediction.batch, "ms"),
        Row("bytes up", prediction.bytes_up / 2**20, "MiB"),
        Row("bytes down", prediction.bytes_down / 2**20, "MiB"),
        Row("largest memory of the worker", peak / 2**30, "GiB"),
    ]
