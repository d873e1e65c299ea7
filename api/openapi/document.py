"""The OpenAPI 3.1 document, generated from the declarations that validate.

Every problem status is one shared response; every message is one shared schema.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from api.openapi.operation import OCTETS, Operation, possible_problems
from secure_ds.wire.service import Problem

REFERENCE = "#/components/schemas/{model}"
PROBLEM = "application/problem+json"
Schemas = Mapping[tuple[Any, JsonSchemaMode], dict[str, Any]]


def build_document(
    title: str, version: str, description: str, tags: Iterable[tuple[str, str]], operations: Sequence[Operation]
) -> dict[str, Any]:
    """Return the document of these operations."""
    schemas, definitions = models_json_schema(_models(operations), ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.1",
        "info": {"title": title, "version": version, "description": description},
        "tags": [{"name": name, "description": text} for name, text in tags],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "responses": _problem_responses(operations),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(operations: Sequence[Operation]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "validation"): None}
    for operation in operations:
        if operation.json_body:
            wanted[operation.json_body, "validation"] = None
        if operation.answer.model:
            wanted[operation.answer.model, "serialization"] = None
    return list(wanted)


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    summary, description = operation.documentation
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation, schemas),
        "security": [{"token": []}] if operation.authenticated else [],
    }
    if description:
        described["description"] = description
    if operation.body:
        described["requestBody"] = {"required": True, "content": _request_content(operation, schemas)}
    return described


def _request_content(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    if operation.json_body:
        return {"application/json": {"schema": schemas[operation.json_body, "validation"]}}
    return {OCTETS: {"schema": {}}}


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    success = _success(operation, schemas)
    answers = {str(status): success for status in (operation.answer.status, *operation.answer.also)}
    problems = {
        str(status): {"$ref": f"#/components/responses/{_response_name(status, operation)}"}
        for status in sorted(possible_problems(operation))
    }
    return answers | problems


def _success(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    answer = operation.answer
    response: dict[str, Any] = {"description": HTTPStatus(answer.status).phrase}
    headers = {"X-Request-Id": "identifies this request in logs and in the audit log", **answer.headers}
    response["headers"] = {
        name: {"description": text, "required": True, "schema": {"type": "string"}} for name, text in headers.items()
    }
    content = {"schema": schemas[answer.model, "serialization"]} if answer.model else {}
    if answer.media:
        response["content"] = {media: content for media in answer.media}
    return response


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found = [
        _parameter(name, "path", adapter.json_schema(), required=True)
        for name, adapter in operation.path_parameters.items()
    ]
    for where, model in (("query", operation.query), ("header", operation.headers)):
        found += _model_parameters(where, model) if model else []
    return found


def _model_parameters(where: str, model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = TypeAdapter(model).json_schema(by_alias=True)
    required = schema.get("required", [])
    return [
        _parameter(name, where, _without_null(part), required=name in required)
        for name, part in schema["properties"].items()
    ]


def _parameter(name: str, where: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    schema = {key: value for key, value in schema.items() if key != "title"}
    parameter = {"name": name, "in": where, "required": required, "schema": schema}
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    return parameter


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop the null branch: an absent parameter is absent, there is no way to send null."""
    branches = [branch for branch in schema.get("anyOf", []) if branch != {"type": "null"}]
    if len(branches) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**rest, **branches[0]}


def _response_name(status: int, operation: Operation) -> str:
    return f"Bodiless{status}" if operation.method == "HEAD" else f"Problem{status}"


def _problem_responses(operations: Sequence[Operation]) -> dict[str, Any]:
    responses = {}
    for operation in operations:
        for status in possible_problems(operation):
            response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
            if operation.method != "HEAD":
                response["content"] = {PROBLEM: {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}}
            responses[_response_name(status, operation)] = response
    return dict(sorted(responses.items()))
