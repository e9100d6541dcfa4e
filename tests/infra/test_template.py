"""What the stack says where the local cloud does not look: lifecycle rules and encryption."""

from typing import Any

import cfnlint.decode
import pytest

from infra.deployment import TEMPLATE

DOCUMENT: Any = cfnlint.decode.decode(str(TEMPLATE))[0]
RESOURCES: dict[str, Any] = DOCUMENT["Resources"]
BUCKETS = ("SourceBucket", "VariantsBucket")
KEY, NOTHING = {"Ref": "EncryptionKey"}, {"Ref": "AWS::NoValue"}


def properties(kind: str) -> dict[str, Any]:
    return {name: found["Properties"] for name, found in RESOURCES.items() if found["Type"] == kind}


def test_there_are_two_buckets() -> None:
    assert set(properties("AWS::S3::Bucket")) == set(BUCKETS)


@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_are_encrypted_closed_and_want_tls(name: str) -> None:
    bucket = RESOURCES[name]["Properties"]
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": {"Fn::If": ["OwnKey", "aws:kms", "AES256"]},
        "KMSMasterKeyID": {"Fn::If": ["OwnKey", KEY, NOTHING]},
    }
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    (policy,) = [found for found in properties("AWS::S3::BucketPolicy").values() if found["Bucket"] == {"Ref": name}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("name", BUCKETS)
def test_objects_move_to_cheaper_storage_where_they_can_be_read_at_once(name: str) -> None:
    rules = RESOURCES[name]["Properties"]["LifecycleConfiguration"]["Rules"]
    moved = [step["StorageClass"] for rule in rules for step in rule.get("Transitions", [])]
    assert moved == ["INTELLIGENT_TIERING"]
    assert not [rule for rule in rules if "ExpirationInDays" in rule], "pictures are never deleted by themselves"
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_old_versions_of_originals_expire() -> None:
    rules = RESOURCES["SourceBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule["NoncurrentVersionExpiration"] for rule in rules if "NoncurrentVersionExpiration" in rule] == [
        {"NoncurrentDays": 30}
    ]


def test_the_table_is_paid_per_request() -> None:
    assert RESOURCES["ImagesTable"]["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


def test_unfinished_images_have_an_index_of_their_own() -> None:
    """It is sparse: an image without both attributes is not in it."""
    (index,) = RESOURCES["ImagesTable"]["Properties"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "unfinished"
    assert [(part["AttributeName"], part["KeyType"]) for part in index["KeySchema"]] == [
        ("unfinished", "HASH"),
        ("due", "RANGE"),
    ]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["bucket", "key"]}


def test_a_key_of_ones_own_encrypts_all_that_the_stage_keeps_and_without_one_aws_does_for_free() -> None:
    table = RESOURCES["ImagesTable"]["Properties"]["SSESpecification"]["Fn::If"]
    assert table == ["OwnKey", {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}, NOTHING]
    for name in ("CompletionsTopic", "FailedQueue"):
        assert RESOURCES[name]["Properties"]["KmsMasterKeyId"] == {"Fn::If": ["OwnKey", KEY, NOTHING]}
    assert RESOURCES["FailedQueue"]["Properties"]["SqsManagedSseEnabled"] == {"Fn::If": ["OwnKey", False, True]}


def test_a_boundary_is_that_of_every_role() -> None:
    for role in properties("AWS::IAM::Role").values():
        assert role["PermissionsBoundary"] == {"Fn::If": ["Bounded", {"Ref": "PermissionsBoundary"}, NOTHING]}
