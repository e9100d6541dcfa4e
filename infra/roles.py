"""Which function may do what: each has a role of its own, with the policy of its kind. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.model.pipeline import Pipeline, Restore
from chalicelib.webhooks.secrets import PARAMETERS
from infra.additions import NOTHING, Additions
from infra.stage import APP, Json, failed_queue

KINDS = {
    "images": ("on_upload", "resize_task", "resize_later", "chain_resize"),
    "api": ("api_handler",),
    "records": ("chain_store",),
    "notices": ("chain_notify",),
    "fan_out": ("on_completion",),
    "redelivery": ("redeliver",),
    "sweep": ("sweep",),
    "restore": ("on_destination",),
}
"""The functions of each kind, as Chalice calls them. Those of one kind need the same, each for its own work or for what
others left (`chalicelib/usecases/reconcile.py`).
"""


@dataclass(frozen=True, slots=True)
class Estate:
    """A stage, and where it is. In the `former` folders of the source bucket are variants of another pipeline."""

    stage: str
    region: str
    account: str
    partition: str
    variables: Mapping[str, str]
    pipeline: Pipeline
    former: Sequence[str] = ()
    additions: Additions = NOTHING

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def function(self, handler: str) -> str:
        """Name a function as Chalice does."""
        return f"{APP}-{self.stage}" if handler == "api_handler" else f"{APP}-{self.stage}-{handler}"

    def log_group(self, handler: str) -> str:
        """Name the log group of a function as Lambda does."""
        return f"/aws/lambda/{self.function(handler)}"

    @property
    def handlers(self) -> list[str]:
        """The functions that the stage has, as Chalice calls them."""
        return [
            handler
            for kind, handlers in KINDS.items()
            if self.pipeline.restore or kind != "restore"
            for handler in handlers
        ]

    def bucket(self, name: str) -> str:
        return f"arn:{self.partition}:s3:::{name}"

    @property
    def source(self) -> str:
        return self.bucket(self.variables["SOURCE_BUCKET"])

    @property
    def dest(self) -> str:
        return self.bucket(self.variables["DEST_BUCKET"])

    @property
    def allowed(self) -> list[str]:
        """The buckets of ALLOWED_BUCKETS, which requests name as either: they may be read and written."""
        names = self.variables.get("ALLOWED_BUCKETS", "").split(",")
        return [self.bucket(name.strip()) for name in names if name.strip()]


def policies(estate: Estate) -> dict[str, Json]:
    """Allow each kind of functions what it needs and nothing else, as IAM policy documents.

    Those that talk to hosts of others, `fan_out` and `redelivery`, have no access to pictures and records.
    """
    announce = _allow("Announce", ["sns:Publish"], [estate.variables["COMPLETIONS_TOPIC_ARN"]])
    bus = estate.variables.get("EVENT_BUS")
    deliver = [_allow("FanOut", ["events:PutEvents"], [estate.arn("events", f"event-bus/{bus}")])] if bus else []
    statements = {
        "images": [*_images(estate), announce],
        "api": [*_images(estate), announce, _hand_over("resize_later", estate), *_workflows(estate)],
        "records": [_records(estate)],
        "notices": [announce],
        "fan_out": [*deliver, _hand_over("redeliver", estate), _secrets(estate)],
        "redelivery": [*deliver, _secrets(estate)],
        "sweep": [_find_unfinished(estate), _hand_over("on_upload", estate)],
    }
    if estate.pipeline.restore:
        statements["restore"] = _restoring(estate.pipeline.restore, estate)
    return {
        kind: {"Version": "2012-10-17", "Statement": _complete(kind, [*_own(kind, estate), *found], estate)}
        for kind, found in statements.items()
    }


def former_folders(present: Iterable[Json], source_bucket: str) -> list[str]:
    """List what policies let a function remove from the source bucket: what the stage's pipelines wrote there."""
    removing = [
        statement
        for policy in present
        for statement in policy["Statement"]
        if statement.get("Sid") in {"WriteVariants", "RemoveFormerVariants"}
    ]
    folders = {resource for statement in removing for resource in statement["Resource"]}
    return sorted(found for found in folders if f":s3:::{source_bucket}/" in found)


def _complete(kind: str, found: list[Json], estate: Estate) -> list[Json]:
    return [*found, *estate.additions.statements(kind, _functions(kind, estate), found, estate.region)]


def _functions(kind: str, estate: Estate) -> dict[str, str]:
    """Return the ARNs of the functions of a kind."""
    return {handler: estate.arn("lambda", f"function:{estate.function(handler)}") for handler in KINDS[kind]}


def _own(kind: str, estate: Estate) -> list[Json]:
    """Allow what every function needs: its log, and the queue for what Lambda gives up on.

    Lambda sends to that queue as the function. Its own code, of which Lambda names the function, may not: `make
    redrive` believes what is there (Lambda Developer Guide, "Using source function ARN").
    """
    queue = estate.arn("sqs", failed_queue(estate.stage))
    groups = [f"log-group:{estate.log_group(handler)}:*" for handler in KINDS[kind]]
    return [
        _allow(
            "WriteLogs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [estate.arn("logs", group) for group in groups],
        ),
        _allow("KeepWhatFailed", ["sqs:SendMessage"], [queue]),
        {
            "Sid": "LeaveQueueToLambda",
            "Effect": "Deny",
            "Action": ["sqs:SendMessage"],
            "Resource": [queue],
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": list(_functions(kind, estate).values())}},
        },
    ]


def _images(estate: Estate) -> list[Json]:
    """Allow to bring variants and records in line with originals.

    The source bucket is written to only where the pipeline puts variants. From the former folders variants may be
    removed: they go when their image is processed anew.
    """
    source, buckets = estate.source, [estate.dest, *estate.allowed]
    folders = _folders(source, estate.pipeline)
    statements = [
        *_reading([source, *buckets], [f"{bucket}/*" for bucket in (source, *buckets)]),
        _allow(
            "WriteVariants",
            ["s3:PutObject", "s3:DeleteObject"],
            [*(f"{bucket}/*" for bucket in buckets), *folders],
        ),
        _records(estate),
    ]
    if removable := [former for former in estate.former if former not in folders]:
        statements.append(_allow("RemoveFormerVariants", ["s3:DeleteObject"], removable))
    return statements


def _restoring(restore: Restore, estate: Estate) -> list[Json]:
    """Allow to look at what appeared in the destination bucket, and to copy originals within the source bucket."""
    return [
        *_reading([estate.source, estate.dest], [f"{estate.source}/{restore.origin}*", f"{estate.dest}/*"]),
        _allow("RestoreOriginals", ["s3:PutObject"], [f"{estate.source}/{restore.target}*"]),
    ]


def _reading(buckets: list[str], objects: list[str]) -> list[Json]:
    """Allow to read objects.

    Listing is there for one reason: without it S3 answers 403 for a key that is gone, and a deleted original could not
    be told from a forbidden one.
    """
    return [
        _allow("ReadObjects", ["s3:GetObject"], objects),
        _allow("TellGoneFromForbidden", ["s3:ListBucket"], buckets),
    ]


def _secrets(estate: Estate) -> Json:
    """Allow to read what webhooks keep in Parameter Store. SSM's own key lets everybody decrypt whom SSM lets read."""
    names = [estate.arn("ssm", f"parameter/{APP}-{estate.stage}/{name}") for name in PARAMETERS]
    return _allow("ReadSecrets", ["ssm:GetParameter"], names)


def _records(estate: Estate) -> Json:
    return _allow("KeepRecords", ["dynamodb:GetItem", "dynamodb:PutItem"], [_table(estate)])


def _find_unfinished(estate: Estate) -> Json:
    return _allow("FindUnfinished", ["dynamodb:Query"], [f"{_table(estate)}/index/unfinished"])


def _table(estate: Estate) -> str:
    return estate.arn("dynamodb", f"table/{estate.variables['IMAGES_TABLE']}")


def _hand_over(handler: str, estate: Estate) -> Json:
    return _allow("HandOver", ["lambda:InvokeFunction"], [estate.arn("lambda", f"function:{estate.function(handler)}")])


def _workflows(estate: Estate) -> list[Json]:
    return [
        _allow("StartWorkflows", ["states:StartExecution"], [estate.variables["WORKFLOW_ARN"]]),
        _allow(
            "FollowWorkflows",
            ["states:DescribeExecution", "states:GetExecutionHistory"],
            [estate.arn("states", f"execution:{APP}-{estate.stage}-workflow:*")],
        ),
    ]


def _folders(source: str, pipeline: Pipeline) -> list[str]:
    """List where the pipeline writes in the source bucket."""
    own = [spec for spec in pipeline.variants if spec.bucket == "source"]
    return sorted({f"{source}/" + spec.key.replace("{variant}", spec.name).partition("{")[0] + "*" for spec in own})


def _allow(sid: str, actions: list[str], resources: list[str]) -> Json:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
