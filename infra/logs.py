"""The log groups of the functions: made before these, and kept only so long.

They are in no stack. Lambda has made those of stages that were deployed before, and CloudFormation would import them
without touching their settings.
"""

from collections.abc import Iterable
from typing import Any


def keep(client: Any, groups: Iterable[str], days: int, key: str) -> None:
    """Have these log groups, each with what was logged in the last `days`.

    `key` is the ARN of the key that is used from now on; with none it is CloudWatch's own.
    """
    for group in groups:
        found = client.describe_log_groups(logGroupNamePrefix=group, limit=1)["logGroups"]
        if [one["logGroupName"] for one in found] != [group]:
            client.create_log_group(logGroupName=group, **({"kmsKeyId": key} if key else {}))
        elif key and key != found[0].get("kmsKeyId"):
            client.associate_kms_key(logGroupName=group, kmsKeyId=key)
        elif not key and "kmsKeyId" in found[0]:
            client.disassociate_kms_key(logGroupName=group)
        client.put_retention_policy(logGroupName=group, retentionInDays=days)
