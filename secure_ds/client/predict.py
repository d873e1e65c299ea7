"""Apply a downloaded model to records on the caller's own machine: the same public feature map, then the weights."""

import numpy as np
import numpy.typing as npt
import rfc8785

from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.records import Records
from secure_ds.training.encrypted.logistic import scores
from secure_ds.training.encrypted.model_file import LinearModel


def predict_records(model: LinearModel, records: Records) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return labels 0 or 1 and scores, both of shape (n,); a score of exactly 0 is label 0.

    Raises:
        InvalidDescriptor: the model's feature map is not known to this version.
        InvalidRecords: a record cannot be mapped; the message names row and column.
    """
    feature_map = parse_feature_map(rfc8785.dumps(model.feature_map))
    found = scores(model.weights, feature_map.apply(records))
    return (found > 0).astype(np.int64), found
