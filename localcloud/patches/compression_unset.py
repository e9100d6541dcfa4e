"""AWS reads `replace /minimumCompressionSize ""` as "no compression"; ministack keeps the empty string, and fails on it
at the next request. `chalice deploy` sends it on every deployment.
"""

from typing import Any

from ministack.services import apigateway_v1


def apply() -> None:
    original = apigateway_v1._update_rest_api

    def update_rest_api(api_id: str, data: dict[str, Any]) -> Any:
        for operation in data.get("patchOperations", []):
            if operation.get("path") == "/minimumCompressionSize" and operation.get("value") == "":
                operation["value"] = None
        return original(api_id, data)

    apigateway_v1._update_rest_api = update_rest_api
