"""Where a stage goes: an account and a region, found out before anything is done there."""

import os
import sys
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from infra.errors import DeployError

RUNTIMES = ((3, 11), (3, 14))
"""The first and the last Python of Lambda that Chalice can package for and Halftone runs on."""


@dataclass(frozen=True, slots=True)
class Place:
    """A region of an account, and who asks. `partition` is `aws`, or `aws-cn`, `aws-us-gov` and the like."""

    session: Any
    region: str
    account: str
    partition: str
    caller: str

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def __str__(self) -> str:
        return os.environ.get("AWS_ENDPOINT_URL") or f"AWS account {self.account} in {self.region}"


def here() -> Place:
    """Ask AWS who we are; raises DeployError, with what is missing, before anything else is asked."""
    version = sys.version_info[:2]
    if not RUNTIMES[0] <= version <= RUNTIMES[1]:
        first, last = (".".join(map(str, bound)) for bound in RUNTIMES)
        raise DeployError(
            f"Python {version[0]}.{version[1]} is no runtime of Lambda; "
            f"run it with {first} to {last}: make deploy PYTHON=python{last}"
        )
    session = boto3.Session()
    if not session.region_name:
        raise DeployError("no region; set AWS_DEFAULT_REGION, or a region in the AWS profile")
    try:
        identity = session.client("sts").get_caller_identity()
    except NoCredentialsError:
        raise DeployError("no AWS credentials; set AWS_PROFILE, or log in with aws sso login") from None
    except EndpointConnectionError:
        raise DeployError(f"no answer from AWS in region {session.region_name}; is that its name?") from None
    except ClientError as error:
        raise DeployError(f"AWS refuses the credentials: {error.response['Error']['Message']}") from None
    partition = identity["Arn"].split(":")[1]
    return Place(session, session.region_name, identity["Account"], partition, identity["Arn"])
