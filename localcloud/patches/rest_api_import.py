"""AWS builds a REST API from the Swagger document of `POST /restapis?mode=import` and `PUT /restapis/<id>`; ministack
drops the document of the first and does not know the second. It can import one, though, for CloudFormation: both calls
are led there, and what that import leaves out (binary media types, the kind of endpoint, mock integrations and their
responses) is added.
"""

import json
from typing import Any

from ministack.services import apigateway_v1 as apigateway

Answer = tuple[int, dict[str, str], bytes]


def apply() -> None:
    original, bare = apigateway.handle_request, apigateway._import_rest_api

    def import_rest_api(spec: dict[str, Any], data: dict[str, Any] | None = None) -> str:
        api_id: str = bare(spec, {**(data or {}), **_settings(spec), **_endpoint(data or {})})
        _add_responses(api_id, spec)
        return api_id

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Answer:
        parts = path.strip("/").split("/")
        if method == "POST" and parts == ["restapis"] and "mode" in query:
            return _import(json.loads(body))
        if method == "PUT" and len(parts) == 2 and parts[0] == "restapis":
            return _overwrite(parts[1], json.loads(body))
        answer: Answer = await original(method, path, headers, body, query)
        return answer

    apigateway.handle_request, apigateway._import_rest_api = handle_request, import_rest_api


def _import(spec: dict[str, Any]) -> Answer:
    api_id = apigateway._import_rest_api(spec)
    _, headers, body = apigateway._get_rest_api(api_id)
    return 201, headers, body


def _overwrite(api_id: str, spec: dict[str, Any]) -> Answer:
    """Answer with the API as `spec` describes it; its id, stages and deployments stay."""
    api = apigateway._rest_apis.get(api_id)
    if api is not None:
        api.update(_settings(spec))
        resources = apigateway._resources[api_id]
        root = next(resource for resource in resources.values() if resource["path"] == "/")
        root["resourceMethods"].clear()
        resources.clear()
        resources[root["id"]] = root
        apigateway._authorizers_v1[api_id].clear()
        schemes = apigateway._import_security_schemes(api_id, spec)
        for path, item in spec.get("paths", {}).items():
            apigateway._import_path_item(api_id, path, item, schemes, spec.get("security"))
        _add_responses(api_id, spec)
    answer: Answer = apigateway._get_rest_api(api_id)
    return answer


def _settings(spec: dict[str, Any]) -> dict[str, Any]:
    return {"binaryMediaTypes": spec.get("x-amazon-apigateway-binary-media-types", [])}


def _endpoint(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a stack says of the endpoint in the words of the API."""
    types = data.get("endpointConfiguration", {}).get("Types")
    return {"endpointConfiguration": {"types": types}} if types else {}


def _add_responses(api_id: str, spec: dict[str, Any]) -> None:
    by_path = {resource["path"]: resource for resource in apigateway._resources[api_id].values()}
    for path, item in spec.get("paths", {}).items():
        for verb, operation in item.items():
            method = by_path[path]["resourceMethods"].get(verb.upper())
            described = operation.get("x-amazon-apigateway-integration") if isinstance(operation, dict) else None
            if not method or not described:
                continue
            method["methodIntegration"]["requestTemplates"] = described.get("requestTemplates", {})
            for pattern, response in described.get("responses", {}).items():
                status = str(response["statusCode"])
                apigateway._put_method_response(api_id, by_path[path]["id"], verb.upper(), status, {})
                apigateway._put_integration_response(
                    api_id,
                    by_path[path]["id"],
                    verb.upper(),
                    status,
                    {**response, "selectionPattern": "" if pattern == "default" else pattern},
                )
