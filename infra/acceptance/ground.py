"""The stage that is tried, as its users see it, and how to wait for it and to compare."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from botocore.httpsession import get_cert_path

from chalicelib.identity import image_id
from infra import stage as stages
from infra.errors import DeployError
from infra.places import Place

PATIENCE = 300.0  # seconds for what happens by itself: S3 may take minutes until it tells of its first events
POLL = 0.5  # seconds between two looks
HTTP_SECONDS = 35.0  # the front function has 29

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A deployed stage, and the picture that it is tried with: its key, its bytes, and others that replace them."""

    place: Place
    stage: str
    variables: Mapping[str, str]
    url: str
    key: str
    picture: bytes
    other: bytes

    @property
    def original(self) -> dict[str, str]:
        return {"bucket": self.variables["SOURCE_BUCKET"], "key": self.key}

    @property
    def image(self) -> str:
        return f"/images/{image_id(*self.original.values())}"

    def put(self, data: bytes) -> str:
        """Upload the original, and return its ETag."""
        put = self.place.client("s3").put_object(Bucket=self.original["bucket"], Key=self.key, Body=data)
        return str(put["ETag"]).strip('"')

    def ask(self, method: str, path: str, body: Document | None = None) -> tuple[int, Any]:
        """Call the API once, and return the status and the JSON of its answer; no answer is 503, with the reason."""
        with urllib3.PoolManager(ca_certs=get_cert_path(verify=True)) as pool:
            try:
                answer = pool.request(method, self.url + path, json=body, timeout=HTTP_SECONDS, retries=False)
                return answer.status, answer.json()
            except urllib3.exceptions.HTTPError as error:
                return 503, str(error)
            except ValueError:
                raise DeployError(f"{method} {path}: expected JSON, got {answer.data[:200]!r}") from None

    def told(self, expected: int, method: str, path: str, body: Document | None = None) -> Any:
        """Call the API, and return its answer, which has to have this status; 503 asks to be called again."""

        def look() -> tuple[int, Any] | None:
            answer = self.ask(method, path, body)
            return None if answer[0] == 503 else answer

        status, document = until(f"another answer than 503 to {method} {path}", look)
        expect(f"the status of {method} {path} ({document})", expected, status)
        return document

    def record(self, what: str, of_it: Callable[[Document], bool]) -> Any:
        """Wait for the record to be as described, and return it; raises DeployError at once where it failed."""

        def look() -> Document | None:
            status, document = self.ask("GET", self.image)
            if status == 200 and document["status"] == "failed":
                raise DeployError(f"expected {what}, and the picture failed: {document['error']}")
            return document if status == 200 and of_it(document) else None

        return until(what, look)

    def invoke(self, handler: str, event: Document) -> None:
        """Call a function, and wait for its end."""
        name = f"{stages.APP}-{self.stage}-{handler}"
        answer = self.place.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        if "FunctionError" in answer:
            raise DeployError(f"expected {name} to end well, got {answer['Payload'].read().decode()}")


def until[Found](what: str, look: Callable[[], Found | None]) -> Found:
    """Look until there is something, and return it; raises DeployError after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise DeployError(f"expected {what} within {PATIENCE:.0f} s")
        time.sleep(POLL)
    return found


def until_none(what: str, look: Callable[[], list[str]]) -> None:
    """Look until there is none left; raises DeployError with those that are, after PATIENCE."""
    there: list[str] = []

    def none_left() -> bool | None:
        there[:] = look()
        return None if there else True

    try:
        until(what, none_left)
    except DeployError as error:
        raise DeployError("\n  ".join([f"{error}, and there is", *there])) from None


def expect(what: str, expected: object, found: object) -> None:
    if found != expected:
        raise DeployError(f"{what}: expected {expected}, got {found}")
