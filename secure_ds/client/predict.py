"""Apply a downloaded model to records on the caller's own machine: the same public feature map, then the weights."""

import numpy as np
import numpy.typing as npt
import rfc8785

from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.records import Records
from secure_ds.training.encrypted.model_file import TrainedModel
from secure_ds.training.encrypted.prediction import labels, scores


def predict_records(model: TrainedModel, records: Records) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return labels (n,), indices of the model's classes, and scores: (n, 1) for two classes, (n, c) for more.

    Raises:
        InvalidDescriptor: the model's feature map is not known to this version.
        InvalidRecords: a record cannot be mapped; the message names row and column.
    """
    feature_map = parse_feature_map(rfc8785.dumps(model.feature_map))
    found = scores(model, feature_map.apply(records))
    return labels(found), found
