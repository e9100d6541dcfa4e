"""A packaged stage: linted, translated, deployed beside one of `make deploy`, compared with it, used and deleted."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.package import TEMPLATE
from infra.sam import APP_ZIP, LAYER_ZIP
from localcloud import venvs
from localcloud.home import Home
from tests import deployer
from tests.cloud import Client, Deployed, eventually
from tests.conftest import picture
from tests.infra.conftest import ARTEFACTS, STAGE, Package, uploaded
from tests.infra.test_deploy import leftovers, run
from tests.portrait import differences, portrait

pytestmark = pytest.mark.e2e


def test_the_template_is_clean_as_it_is(packaged: Path) -> None:
    linted = subprocess.run(
        [venvs.APP / "bin" / "cfn-lint", packaged / TEMPLATE], capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout


def test_the_template_is_clean_as_sam_makes_it(translated: dict[str, Any], tmp_path: Path) -> None:
    made = tmp_path / "translated.json"
    made.write_text(json.dumps(translated))
    # cfn-lint takes the placeholders and the JSONata of the state machines for what is to run (E3601).
    linted = subprocess.run(
        [venvs.APP / "bin" / "cfn-lint", "--ignore-checks", "E3601", "--", made],
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout


CHOSEN = {
    "NOTIFY": "ops@example.com failures, arn:aws:sqs:us-east-1:123456789012:ours",
    "ENCRYPTION_KEY_ARN": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "PERMISSIONS_BOUNDARY": "arn:aws:iam::123456789012:policy/boundary",
    "ALARM_ACTIONS": "arn:aws:sns:us-east-1:123456789012:ops",
    "DELETION_PROTECTION": True,
}


def test_whatever_is_chosen_makes_a_clean_template(package: Package, project: Path, tmp_path: Path) -> None:
    path = project / ".chalice" / "config.json"
    before = path.read_text()
    config = json.loads(before)
    config["stages"][STAGE] |= {"deployment": CHOSEN, "xray": True, "reserved_concurrency": 5}
    path.write_text(json.dumps(config))
    try:
        done = package(tmp_path, "--pipeline", "metadata_sized")
    finally:
        path.write_text(before)
    assert done.returncode == 0, done.stdout
    linted = subprocess.run(
        [venvs.APP / "bin" / "cfn-lint", tmp_path / TEMPLATE], capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout
    resources = json.loads((tmp_path / TEMPLATE).read_text())["Resources"]
    roles = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::IAM::Role"]
    assert all(role["PermissionsBoundary"] == CHOSEN["PERMISSIONS_BOUNDARY"] for role in roles)
    assert resources["OnUpload"]["Properties"]["ReservedConcurrentExecutions"] == 5
    assert resources["VariantsBucket"]["DependsOn"] == ["OnDestinationS3Permission"]
    assert len([one for one in resources.values() if one["Type"] == "AWS::SNS::Subscription"]) == 2


@pytest.fixture
def stack(client: Client, packaged: Path) -> Iterator[dict[str, str]]:
    """Deploy the template, and return its outputs."""
    s3, cloudformation = client.of("s3"), client.of("cloudformation")
    s3.create_bucket(Bucket=ARTEFACTS)
    objects = {APP_ZIP: (packaged / APP_ZIP).read_bytes(), LAYER_ZIP: (packaged / LAYER_ZIP).read_bytes()}
    objects[TEMPLATE] = json.dumps(uploaded(packaged)).encode()
    for key, data in objects.items():
        s3.put_object(Bucket=ARTEFACTS, Key=key, Body=data)
    cloudformation.create_stack(
        StackName=f"halftone-{STAGE}",
        TemplateURL=f"{client.cloud.url}/{ARTEFACTS}/{TEMPLATE}",
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Tags=[{"Key": "app", "Value": "halftone"}, {"Key": "stage", "Value": STAGE}],
    )

    def rested() -> Any:
        (found,) = cloudformation.describe_stacks(StackName=f"halftone-{STAGE}")["Stacks"]
        return found if not found["StackStatus"].endswith("_IN_PROGRESS") else None

    done = eventually(rested)
    assert done["StackStatus"] == "CREATE_COMPLETE", done
    yield {output["OutputKey"]: output["OutputValue"] for output in done["Outputs"]}
    for key in objects:
        s3.delete_object(Bucket=ARTEFACTS, Key=key)
    s3.delete_bucket(Bucket=ARTEFACTS)


def test_it_is_what_make_deploy_makes_and_works_and_goes(
    home: Home, client: Client, deployed: Deployed, project: Path, stack: dict[str, str]
) -> None:
    made = portrait(client, "local", deployed.api.split("/")[4])
    other = differences(portrait(client, STAGE, stack["RestAPIId"]), made)
    assert not other, "\n".join(other)
    assert len(made["functions"]) > 5
    assert made["notifications"]
    assert made["api"]["methods"]

    refused = run(home, client, project, "deploy")
    assert refused.returncode != 0
    assert "stage gone: it was deployed from a package" in refused.stdout

    for bucket in (stack["SourceBucket"], stack["DestBucket"]):
        client.of("s3").delete_bucket_policy(Bucket=bucket)  # it wants TLS
    client.of("s3").put_object(Bucket=stack["SourceBucket"], Key="photo.jpg", Body=picture())
    table = client.of("dynamodb")

    def ready() -> bool:
        items = table.scan(TableName=stack["ImagesTable"])["Items"]
        return [item["status"]["S"] for item in items] == ["ready"]

    eventually(ready)
    client = replace(client, user=deployer.credentials(client.cloud.url))
    done = run(home, client, project, "destroy", "--yes", "--empty-buckets")
    assert done.returncode == 0, done.stdout
    assert leftovers(client) == []
