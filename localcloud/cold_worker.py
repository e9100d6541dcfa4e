"""One cold start, in an interpreter that has nothing but what Lambda would give it. Standard library only.

Standard input has a JSON object: `path` (of imports), `handler`, `event`, and `mode`: `app` calls the handler, `record`
does so and says what it called and loaded, `codecs` says what imaging loads, and `floor` does what was recorded without
the app. The last line of standard output is a JSON object with what it took.
"""

import base64
import importlib
import json
import resource
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

FLOOR_CHILD = "import sys; sys.path[:] = {path!r}; import {modules}; print(flush=True); sys.stdin.read()"


class Context:
    """What Lambda hands to a handler beside the event."""

    function_name = "coldstart"
    function_version = "$LATEST"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:coldstart"

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def main() -> None:
    job = json.load(sys.stdin)
    sys.path[1:1] = job["path"]
    answer = {"app": call, "record": record, "floor": floor, "codecs": codecs}[job["mode"]](job)
    print(f"\n{json.dumps({**answer, 'cpu_ms': cpu_ms(), 'wall_ms': 1000 * (time.time() - job['started'])})}")


def call(job: Any) -> dict[str, Any]:
    module, _, name = job["handler"].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    imported = {"import_cpu_ms": cpu_ms()}
    handler(job["event"], Context())
    return imported


def record(job: Any) -> dict[str, Any]:
    """Call the handler, and say which clients it made, which calls it made with them, and what its child has loaded."""
    session = importlib.import_module("botocore.session").Session
    make, services, calls = session.create_client, [], []

    def create_client(self: Any, service: str, *args: Any, **kwargs: Any) -> Any:
        made = make(self, service, *args, **kwargs)
        services.append(service)
        names = {operation: method for method, operation in made.meta.method_to_api_mapping.items()}

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            calls.append([service, names[model.name], params.copy()])

        made.meta.events.register_first("provide-client-params.*.*", note)
        return made

    session.create_client = create_client
    call(job)
    return {
        "calls": json.loads(json.dumps(calls, default=_as_text)),
        "services": services,
        "renders": bool(descendants()),
        "modules": sorted(sys.modules),
    }


def codecs(_: Any) -> dict[str, Any]:
    """Say what is loaded before anything is rendered; what a file has loaded beyond that counts as rendering it."""
    importlib.import_module("chalicelib.imaging.render")
    return {"modules": sorted(sys.modules)}


def floor(job: Any) -> dict[str, Any]:
    """Do no more than Chalice's own import, the same clients, the same calls, and the codecs' import in a child."""
    child = None
    if job["codecs"]:
        code = FLOOR_CHILD.format(path=sys.path, modules=", ".join(job["codecs"]))
        command = [sys.executable, "-I", "-S", "-B", "-c", code]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    importlib.import_module("chalice.app")
    session = importlib.import_module("botocore.session").get_session()
    importlib.import_module("botocore.client")
    errors = importlib.import_module("botocore.exceptions")
    config = importlib.import_module("botocore.config").Config(retries={"mode": "standard", "total_max_attempts": 1})
    imported = {"import_cpu_ms": cpu_ms()}
    clients = {service: session.create_client(service, config=config) for service in dict.fromkeys(job["services"])}
    for service, method, params in job["calls"]:
        with suppress(errors.ClientError):  # a condition that held then does not hold now; it took as long
            answer = getattr(clients[service], method)(**_as_sent(params))
            if body := answer.get("Body"):
                body.read()
    if child and child.stdout:
        child.stdout.readline()
    return imported


def cpu_ms() -> float:
    """Return the CPU time of this process since it began, and of those that it has started."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    mine = 1000 * (used.ru_utime + used.ru_stime)
    return mine + sum(_ran_ms(pid) for pid in descendants())


def descendants() -> list[int]:
    return [int(pid) for children in Path("/proc/self/task").glob("*/children") for pid in children.read_text().split()]


def _ran_ms(pid: int) -> float:
    """Return the CPU time of a process's threads: the first field of /proc/<pid>/schedstat, in nanoseconds."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


def _as_text(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    data = value if isinstance(value, bytes | bytearray) else value.read()
    return {"base64": base64.b64encode(data).decode()}


def _as_sent(value: Any) -> Any:
    match value:
        case {"base64": str(text)}:
            return base64.b64decode(text)
        case dict():
            return {name: _as_sent(one) for name, one in value.items()}
        case list():
            return [_as_sent(one) for one in value]
    return value


if __name__ == "__main__":
    main()
