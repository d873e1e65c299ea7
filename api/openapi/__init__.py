"""A small layer over Flask and pydantic: what an operation declares is what it checks and what its document says.

Rules of this package:
1. The signature of a handler is the declaration. The OpenAPI document and the validation are both read from it, so
   they cannot drift apart.
2. Who asks is settled before anything the request carries is read; sizes are settled before bodies are read.
3. Nothing is guessed: unknown or repeated query parameters, duplicate JSON keys, NaN and foreign content types are
   refused.
"""

from api.openapi.blueprint import OperationBlueprint
from api.openapi.operation import Operation
from api.openapi.raw_body import RawBody

__all__ = ["Operation", "OperationBlueprint", "RawBody"]
