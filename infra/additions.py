"""What policies get beyond what functions do: keys of one's own, a VPC, X-Ray, statements of one's own. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.settings import SettingsError
from infra.stage import Json, setting

EVERY = "every"
"""In policy-extra.json: the statements that every policy gets."""

_WRITING = {"s3:PutObject", "dynamodb:PutItem", "sns:Publish", "sqs:SendMessage"}
_ENCRYPTED = {"s3", "dynamodb", "sns", "sqs", "ssm"}

_NETWORK = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda asks for (Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """`keys` are ARNs. `in_vpc` are functions, as Chalice calls them. `extra` is by the names of policies."""

    keys: Sequence[str] = ()
    in_vpc: Collection[str] = ()
    traced: bool = False
    extra: Mapping[str, Sequence[Json]] = field(default_factory=dict)

    def statements(self, kind: str, handlers: Mapping[str, str], found: Sequence[Json], region: str) -> list[Json]:
        """Return what the policy of a kind gets besides what was found for it.

        `handlers` are the functions of the kind, with their ARNs. Raises SettingsError where two statements would have
        one name, which IAM refuses.
        """
        added = [*self._keys(found, region), *self._network(handlers), *self._tracing()]
        own = [*self.extra.get(EVERY, ()), *self.extra.get(kind, ())]
        names = [str(statement["Sid"]) for statement in (*found, *added, *own) if "Sid" in statement]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise SettingsError(f"policy-extra.json: {kind}: expected other names than {', '.join(twice)}")
        return [*added, *own]

    def _keys(self, found: Iterable[Json], region: str) -> list[Json]:
        """Allow the keys by way of the services that the functions use, and for nothing else.

        Whoever writes needs a data key, and to read it again: SNS and SQS ask for both.
        """
        if not self.keys:
            return []
        actions = {action for statement in found for action in statement["Action"] if statement["Effect"] == "Allow"}
        read = {action.partition(":")[0] for action in actions} & _ENCRYPTED
        written = {action.partition(":")[0] for action in actions & _WRITING}
        return [
            _by_way_of("Decrypt", ["kms:Decrypt"], self.keys, read, region),
            _by_way_of("Encrypt", ["kms:GenerateDataKey"], self.keys, written, region),
        ]

    def _network(self, handlers: Mapping[str, str]) -> list[Json]:
        """Allow Lambda to attach the functions to a VPC, and refuse their own code the same."""
        inside = [arn for handler, arn in handlers.items() if handler in self.in_vpc]
        if not inside:
            return []
        statement = {"Action": list(_NETWORK), "Resource": ["*"]}  # EC2 knows no narrower one for half of them
        own_code = {"ArnEquals": {"lambda:SourceFunctionArn": inside}}
        return [
            {"Sid": "AttachToVpc", "Effect": "Allow", **statement},
            {"Sid": "LeaveVpcToLambda", "Effect": "Deny", **statement, "Condition": own_code},
        ]

    def _tracing(self) -> list[Json]:
        actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]  # X-Ray has no resources for them
        return [{"Sid": "Trace", "Effect": "Allow", "Action": actions, "Resource": ["*"]}] if self.traced else []


NOTHING = Additions()


def read(config: Json, stage: str, keys: Sequence[str], extra: Json, kinds: Mapping[str, Sequence[str]]) -> Additions:
    """Read what is added for a stage: from Chalice's own settings, and from policy-extra.json.

    Raises SettingsError with every problem.
    """
    known = [EVERY, *kinds]
    problems = [
        f"policy-extra.json: expected one of {', '.join(known)}, got {name!r}" for name in extra if name not in known
    ]
    problems += [
        f"policy-extra.json: {name}: expected a list of statements, each with Effect, Action and Resource"
        for name, statements in extra.items()
        if not _are_statements(statements)
    ]
    if problems:
        raise SettingsError("\n".join(["The policies cannot be written:", *problems]))
    handlers = [handler for handlers in kinds.values() for handler in handlers]
    return Additions(
        keys=keys,
        in_vpc=frozenset(handler for handler in handlers if setting(config, stage, handler, "subnet_ids")),
        traced=bool(config.get("stages", {}).get(stage, {}).get("xray", config.get("xray"))),
        extra=extra,
    )


def _are_statements(found: object) -> bool:
    return isinstance(found, list) and all(
        isinstance(one, dict) and {"Effect", "Action", "Resource"} <= one.keys() for one in found
    )


def _by_way_of(sid: str, actions: list[str], keys: Sequence[str], services: Iterable[str], region: str) -> Json:
    """Allow the use of keys to some services alone. Their names end differently in China, hence the pattern."""
    via = [f"{service}.{region}.*" for service in sorted(services)]
    condition = {"StringLike": {"kms:ViaService": via}}
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(keys), "Condition": condition}
