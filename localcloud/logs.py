"""`python -m localcloud.logs`: follow what the deployed functions log, all of them at once, until interrupted."""

import contextlib
import time
from operator import itemgetter
from typing import Any

import boto3

from localcloud.home import STAGE

PREFIX = f"/aws/lambda/halftone-{STAGE}"
POLL = 0.5


def main() -> None:
    client = boto3.client("logs")
    since: dict[str, int] = {}
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for line in sorted(_news(client, since), key=itemgetter(0)):
                print(line[1], flush=True)
            time.sleep(POLL)


def _news(client: Any, since: dict[str, int]) -> list[tuple[int, str]]:
    """Return the events after those in `since`, which is brought up to date: a count of events for each log group."""
    news = []
    for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=PREFIX):
        for group in page["logGroups"]:
            name = group["logGroupName"]
            events = [
                event
                for part in client.get_paginator("filter_log_events").paginate(logGroupName=name)
                for event in part["events"]
            ]
            function = name.removeprefix(PREFIX).lstrip("-") or "api"
            news += [
                (event["timestamp"], f"{function:15} {event['message'].rstrip()}")
                for event in events[since.get(name, 0) :]
            ]
            since[name] = len(events)
    return news


if __name__ == "__main__":
    main()
