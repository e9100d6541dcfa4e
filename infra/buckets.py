"""The buckets of a stage: its own, which the stack makes, or somebody's, to which it is attached."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra import notifications, stacks
from infra.errors import DeployError
from infra.notifications import Filter
from infra.places import Place
from infra.stage import APP

LONGEST = 63  # characters in the name of a bucket
ROLES = {"source": "SOURCE_BUCKET", "dest": "DEST_BUCKET"}
WORDS = {"source": "source", "dest": "variants"}
"""What the stage's own buckets are called."""


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    own: bool


def chosen(
    stage: str, place: Place, present: stacks.Stack | None, named: Mapping[str, str], settings: Mapping[str, str]
) -> dict[str, Bucket]:
    """Decide on the stage's buckets, by role.

    A stage keeps those it has. A new one gets those that are `named`, by the command or by its settings, and else its
    own. A name in the settings that begins like that of an own bucket was written there by a deployment.
    """
    return {role: _chosen(role, stage, place, present, named.get(role), settings) for role in ROLES}


def _chosen(
    role: str, stage: str, place: Place, present: stacks.Stack | None, named: str | None, settings: Mapping[str, str]
) -> Bucket:
    variable = ROLES[role]
    wanted = named or existing(role, stage, settings)
    if present is not None and (had := stacks.outputs(present).get(f"{role.capitalize()}Bucket")):
        if wanted not in {None, had}:
            raise DeployError(
                f"{variable}: the stage has bucket {had}, and cannot change to {wanted}; "
                f"unset it, or deploy another stage"
            )
        return Bucket(had, own=stacks.parameters(present).get(f"{role.capitalize()}BucketIs", "own") == "own")
    if wanted:
        return Bucket(wanted, own=False)
    name = own_name(role, stage, place)
    if len(name) > LONGEST:
        raise DeployError(
            f"the bucket {name} would have {len(name)} characters, and {LONGEST} is the most; "
            f"expected a stage's name of at most {len(stage) - len(name) + LONGEST} characters in {place.region}"
        )
    return Bucket(name, own=True)


def existing(role: str, stage: str, settings: Mapping[str, str]) -> str | None:
    """Name the bucket of somebody's that the settings have for a role; None where they have one of the stage's own."""
    written = settings.get(ROLES[role], "")
    return None if written.startswith(_beginning(role, stage)) else written or None


def own_name(role: str, stage: str, place: Place) -> str:
    """Name the bucket that a stage makes."""
    return f"{_beginning(role, stage)}{place.account}-{place.region}"


def parameters(buckets: Mapping[str, Bucket]) -> dict[str, str]:
    """Return what the stack needs to know of them."""
    names = {f"{role.capitalize()}BucketName": bucket.name for role, bucket in buckets.items()}
    return names | {f"{role.capitalize()}BucketIs": "own" if b.own else "foreign" for role, b in buckets.items()}


def check_foreign(place: Place, bucket: str, filters: list[Filter], own_functions: set[str]) -> None:
    """Raise DeployError unless a stage here can be attached to a bucket, beside all that it notifies already."""
    _check_access(place, bucket)
    s3 = place.client("s3")
    configuration = s3.get_bucket_notification_configuration(Bucket=bucket)
    others = list(notifications.filters(notifications.without(configuration, own_functions)))
    for mine in filters:
        for other in others:
            if mine.overlaps(other):
                raise DeployError(
                    f"bucket {bucket} notifies {other} already, which overlaps with {mine}; S3 refuses to have both: "
                    f"narrow one of them, ours by the prefix of the pipeline's [source]"
                )


def advice(place: Place, role: str, bucket: str) -> list[str]:
    """Say what would help on a bucket that is not ours, where nothing is enforced."""
    s3, lines = place.client("s3"), []
    with suppress(ClientError):  # who may not look is not advised
        versioned = s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
        if role == "source" and not versioned:
            lines.append(f"bucket {bucket} keeps no versions: an original that is overwritten or deleted is lost")
    try:
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            lines.append(f"bucket {bucket} has no lifecycle rules: uploads that break off stay, and are paid for")
    return lines


def detach(s3: Any, bucket: str, functions: set[str]) -> bool:
    """Take the notifications of these functions out of a bucket, and no others; False where there are none."""
    try:
        configuration = s3.get_bucket_notification_configuration(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return False
    configuration.pop("ResponseMetadata", None)
    left = notifications.without(configuration, functions)
    if left == configuration:
        return False
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=left)
    return True


def empty(place: Place, bucket: str) -> None:
    """Delete every version of every object, for good; raises DeployError for what stays."""
    for page in place.session.resource("s3").Bucket(bucket).object_versions.delete():
        for error in page.get("Errors", []):
            raise DeployError(f"s3://{bucket}/{error['Key']} cannot be deleted: {error['Message']}")


def holds_pictures(place: Place, bucket: str) -> bool:
    return any(place.session.resource("s3").Bucket(bucket).object_versions.limit(1))


def _beginning(role: str, stage: str) -> str:
    return f"{APP}-{stage}-{WORDS[role]}-"


def _check_access(place: Place, bucket: str) -> None:
    s3 = place.client("s3")
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            raise DeployError(f"bucket {bucket} does not exist") from None
        raise DeployError(f"bucket {bucket}: no access, or it belongs to another account") from None
    try:
        found = s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=place.account)
    except ClientError:
        raise DeployError(f"bucket {bucket} belongs to another account than {place.account}") from None
    region = found["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", place.region)
    if region != place.region:
        raise DeployError(f"bucket {bucket} is in {region}; S3 notifies only there, and not in {place.region}")
