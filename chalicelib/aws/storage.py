"""S3."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from functools import cache

from botocore.exceptions import ClientError

from chalicelib.aws.clients import client, error_code, raising, tries
from chalicelib.aws.denials import is_denied, tell
from chalicelib.errors import AccessDenied, InvalidRequest, NotFound, StorageUnavailable, TransientError
from chalicelib.usecases.entry import Location
from chalicelib.usecases.ports import Stat, StoredObject, Taken

_GONE = frozenset({"NoSuchKey", "NoSuchBucket", "NoSuchVersion", "404"})
_ARCHIVED = "InvalidObjectState"
_NEVER_COPIED = frozenset({_ARCHIVED, "InvalidRequest", "KeyTooLongError"})  # InvalidRequest: over 5 GB
_CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
_OWNER = "image-id"


class S3Storage:
    """`Storage` on S3. What it writes carries the user metadata `resized: true`: it is never an original."""

    @contextmanager
    def open(self, bucket: str, key: str) -> Iterator[StoredObject]:
        with raising(StorageUnavailable, "S3 could not read the object"):
            try:
                response = client("s3").get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) in _GONE:
                    raise NotFound(f"there is no object {key} in bucket {bucket}") from error
                if error_code(error) != _ARCHIVED:
                    raise
                response = client("s3").head_object(Bucket=bucket, Key=key)
        body = response.get("Body")

        @cache
        def read() -> bytes:
            if body is None:
                raise NotFound(f"the bytes of {key} in bucket {bucket} are in an archive; restore them first")
            with raising(StorageUnavailable, "S3 stopped in the middle of the object"):
                return bytes(body.read())

        with closing(body) if body else nullcontext():
            yield StoredObject(
                etag=response["ETag"].strip('"'),
                version_id=_version(response.get("VersionId")),
                size=response["ContentLength"],
                metadata=response.get("Metadata", {}),
                read=read,
            )

    def stat(self, bucket: str, key: str) -> Stat | None:
        with raising(StorageUnavailable, "S3 could not tell whether the object is there"):
            try:
                response = client("s3").head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) in _GONE:
                    return None
                raise
        return Stat(
            etag=response["ETag"].strip('"'),
            version_id=_version(response.get("VersionId")),
            size=response["ContentLength"],
            owner=response.get("Metadata", {}).get(_OWNER),
        )

    def put(self, place: Location, data: bytes, *, content_type: str) -> str:
        with _writing("S3 did not take the variant"):
            return _put(place, data, content_type, {"resized": "true"})

    def put_instead(
        self, place: Location, data: bytes, *, content_type: str, owner: str, instead_of: str | None
    ) -> str:
        condition = {"IfNoneMatch": "*"} if instead_of is None else {"IfMatch": f'"{instead_of}"'}
        with _writing("S3 did not take the variant"):
            try:
                return _put(place, data, content_type, {"resized": "true", _OWNER: owner}, condition)
            except ClientError as error:
                if error_code(error) in _CHANGED and not tries.unanswered:  # else what is there may be our own
                    raise Taken(f"{place[1]} in bucket {place[0]}") from error
                raise

    def copy(self, source: Location, target: Location) -> None:
        with raising(StorageUnavailable, "S3 did not copy the object"):
            try:
                client("s3").copy_object(
                    CopySource={"Bucket": source[0], "Key": source[1]},
                    Bucket=target[0],
                    Key=target[1],
                    TaggingDirective="REPLACE",  # by none: copying tags takes further permissions
                )
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    raise NotFound(f"there is no object {source[1]} in bucket {source[0]}") from error
                if error_code(error) in _NEVER_COPIED:
                    raise InvalidRequest(f"S3 cannot copy {source[1]} to {target[1]}: {error_code(error)}") from error
                raise

    def remove(self, places: Mapping[Location, str | None]) -> None:
        objects = defaultdict(list)
        for (bucket, key), etag in sorted(places.items()):
            if _has_no_xml(key):  # a list of several goes to S3 as XML, which has no words for it
                _remove(bucket, key, etag)
            else:
                objects[bucket].append({"Key": key, "ETag": f'"{etag}"'} if etag else {"Key": key})
        for bucket, listed in objects.items():
            with _writing("S3 did not remove variants"):
                response = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": listed, "Quiet": True})
            if faults := [fault for fault in response.get("Errors", []) if fault.get("Code") not in _CHANGED]:
                raise _not_removed(faults[0])


def _remove(bucket: str, key: str, etag: str | None) -> None:
    condition = {"IfMatch": f'"{etag}"'} if etag else {}
    with _writing("S3 did not remove a variant"):
        try:
            client("s3").delete_object(Bucket=bucket, Key=key, **condition)
        except ClientError as error:
            if error_code(error) not in _CHANGED:
                raise


def _not_removed(fault: Mapping[str, str]) -> TransientError:
    """Return the error for one object of several; the answer as a whole is no error."""
    code = fault.get("Code", "unknown")
    if not is_denied(code):
        return StorageUnavailable(f"S3 did not remove variants: {code}")
    tell("DeleteObjects", code, fault.get("Message", ""))
    return AccessDenied(f"S3 did not remove variants: access was denied ({code})")


def _put(
    place: Location,
    data: bytes,
    content_type: str,
    metadata: dict[str, str],
    condition: Mapping[str, str] | None = None,
) -> str:
    response = client("s3").put_object(
        Bucket=place[0], Key=place[1], Body=data, ContentType=content_type, Metadata=metadata, **(condition or {})
    )
    return str(response["ETag"]).strip('"')


@contextmanager
def _writing(what: str) -> Iterator[None]:
    """Turn what botocore raises into a TransientError, and say whether what was sent may still take effect.

    A refusal is S3's last word. After a try that got no answer, of which botocore makes several, nobody knows.
    """
    tries.unanswered = False
    try:
        with raising(StorageUnavailable, what):
            yield
    except TransientError as error:
        error.in_flight = tries.unanswered or not isinstance(error.__cause__, ClientError)
        raise
    if tries.unanswered:
        raise StorageUnavailable(f"{what}: a try before the one that worked may still take effect", in_flight=True)


def _version(version_id: str | None) -> str | None:
    """Treat the version of an unversioned bucket, which S3 may call "null", as none."""
    return None if version_id in (None, "null") else version_id


def _has_no_xml(key: str) -> bool:
    """Tell whether a key has a character that XML 1.0 does not know (production 2, Char).

    The expression takes 3 ms to compile, so that only who removes something pays for it.
    """
    return re.search(r"[^\t\n\r -\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]", key) is not None
