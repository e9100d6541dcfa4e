"""The recipes, each line of what it promises, on one stage that is switched from one to the next."""

import io
import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image, ImageDraw

from chalicelib import events
from localcloud import cloud as clouds
from localcloud import project, venvs
from localcloud.home import ROOT, STAGE, Home
from tests.cloud import Client, Deployed, assert_tls_only, eventually, fresh_home
from tests.conftest import picture
from tests.iam import allowed

pytestmark = pytest.mark.e2e

APP = f"halftone-{STAGE}"
ACCOUNT = "000000000000"
RED, GREY, BLUE = (255, 0, 0), (128, 128, 128), (0, 0, 255)
ASYNCHRONOUS = ("on_upload", "sweep", "on_completion", "redeliver", "resize_later")
QUIET = 5
"""Looks in a row without an event under way, until nothing is taken to come any more."""

BESIDE = """
[source]
prefix = "in/"
[variants.small]
width = 50
bucket = "source"
key = "out/{key}"
"""


class Stage(Deployed):
    """The stage, and what its functions are seen to do."""

    def upload(self, key: str, data: bytes, **options: Any) -> str:
        """Put an original into the source bucket, and let what follows end: more workers would only start cold."""
        image_id = super().upload(key, data, **options)
        eventually(lambda: not self.door("events"))
        return image_id

    def invocations(self, function: str) -> int:
        """Count how often a function has run."""
        logs, group = self.client.of("logs"), f"/aws/lambda/{APP}-{function}"
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return 0
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return sum(event["message"].startswith("START ") for page in pages for event in page["events"])

    def invoke(self, function: str, event: Any) -> Any:
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        answer = self.client.of("lambda").invoke(FunctionName=f"{APP}-{function}", Payload=payload)
        return json.loads(answer["Payload"].read())

    def said(self, function: str, words: str) -> list[dict[str, Any]]:
        """Return the lines that a function logged with these words."""
        pages = (
            self.client.of("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/{APP}-{function}")
        )
        messages = [event["message"] for page in pages for event in page["events"]]
        return [json.loads(message) for message in messages if message.startswith("{") and words in message]

    def door(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.client.cloud.url}/_halftone/{what}") as answer:
            return json.load(answer)

    def notice(self, image_id: str) -> tuple[str, dict[str, str]]:
        """Return the one message that was published of an image: its subject, and its form for each protocol."""
        notices = [(notice["Subject"], json.loads(notice["Message"])) for notice in self.door("notices")]
        (found,) = [notice for notice in notices if json.loads(notice[1]["default"])["image_id"] == image_id]
        return found

    def rest(self) -> None:
        """Wait until no event is under way."""
        quiet = 0
        while quiet < QUIET:
            quiet = 0 if self.door("events") else quiet + 1
            time.sleep(0.1)

    def keys(self, bucket: str, prefix: str = "") -> set[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {found["Key"] for page in pages for found in page.get("Contents", [])}

    def stored(self, bucket: str, key: str) -> tuple[dict[str, Any], Image.Image]:
        found = self.s3.get_object(Bucket=bucket, Key=key)
        return found, Image.open(io.BytesIO(found["Body"].read()))

    def errors(self, *image_ids: str) -> list[tuple[str, str]]:
        """Wait for images to fail, see each announced once and not retried, and return the codes and messages."""
        errors = [self.record(image_id, "failed")["error"] for image_id in image_ids]
        for image_id, error in zip(image_ids, errors, strict=True):
            assert self.completion(image_id, "image.failed")["error"] == error
            assert self.item(image_id)["variants"] == []
        self.rest()
        assert [len(self.completions(image_id)) for image_id in image_ids] == [1] * len(image_ids)
        refused = self.said("on_upload", "The original cannot be processed")
        assert all(sum(line["image_id"] == image_id for line in refused) == 1 for image_id in image_ids)
        return [(error["code"], error["message"]) for error in errors]

    def statements(self, handler: str) -> list[dict[str, Any]]:
        """Return what a handler's role allows."""
        return self.statements_of(f"{APP}-{handler}.role")

    def statements_of(self, role: str) -> list[dict[str, Any]]:
        iam = self.client.of("iam")
        (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]["Statement"]

    def allowed(self, function: str, resource: str) -> set[str]:
        """Return which actions a function's role allows on a resource."""
        return allowed(self.statements(function), resource)

    def triggers(self, function: str) -> list[tuple[str, str, str]]:
        """Return who may invoke a function: the service, for which source, of which account."""
        policy = json.loads(self.client.of("lambda").get_policy(FunctionName=f"{APP}-{function}")["Policy"])
        return [
            (
                statement["Principal"]["Service"],
                statement["Condition"]["ArnLike"]["AWS:SourceArn"],
                statement["Condition"]["StringEquals"]["AWS:SourceAccount"],
            )
            for statement in policy["Statement"]
        ]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    yield from fresh_home("recipes")


@pytest.fixture(scope="module")
def client(home: Home) -> Client:
    venvs.ensure(venvs.CLOUD, venvs.CLOUD_REQUIREMENTS)
    venvs.ensure(venvs.APP, venvs.APP_REQUIREMENTS)
    return Client(clouds.start(home, clouds.free_port(), enforce_iam=True))


@pytest.fixture(scope="module")
def switched_to(home: Home, client: Client) -> Callable[[str], Stage]:
    """Deploy the one stage with another pipeline."""
    stages: list[Stage] = []

    def switch(pipeline: str) -> Stage:
        project.deploy(home, client.cloud, pipeline)
        if not stages:
            exports = project.exports(home, client.cloud)
            for bucket in (exports["SOURCE_BUCKET"], exports["DEST_BUCKET"]):
                assert_tls_only(client, bucket)
                client.of("s3").delete_bucket_policy(Bucket=bucket)
            stages.append(Stage(client, exports))
        stages[0].rest()
        return stages[0]

    return switch


def edged(width: int, height: int, form: str = "JPEG", mode: str = "RGB") -> bytes:
    """Encode a picture whose left edge is red and whose right edge is blue: what is cropped loses them."""
    image = Image.new("RGB", (width, height), GREY)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 10, height), RED)
    draw.rectangle((width - width // 10, 0, width, height), BLUE)
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, form, quality=95)
    return buffer.getvalue()


def colours(image: Image.Image) -> list[str]:
    """Name the colours of the left edge, the middle and the right edge."""
    rgb, row = image.convert("RGB"), image.height // 2
    names = {RED: "red", GREY: "grey", BLUE: "blue"}

    def named(column: int) -> str:
        found = rgb.crop((column, row, column + 1, row + 1)).tobytes()
        return names[min(names, key=lambda colour: sum(abs(a - b) for a, b in zip(colour, found, strict=True)))]

    return [named(column) for column in (2, image.width // 2, image.width - 3)]


def test_metadata_sized(switched_to: Callable[[str], Stage]) -> None:
    stage = switched_to("metadata_sized")
    photo = edged(400, 300)

    # Only keys under source-folder/, with these suffixes in any case, are originals.
    stage.upload("elsewhere/a.jpg", photo)
    stage.upload("source-folder/a.webp", edged(40, 30, "WEBP"))
    stage.upload("source-folder/notes.txt", b"text")
    sized = {
        "source-folder/albums/both.jpg": ({"width": "640", "height": "480"}, (640, 480), "JPEG", "image/jpeg"),
        "source-folder/small.JPEG": ({"width": "40", "height": "90"}, (40, 90), "JPEG", "image/jpeg"),
        "source-folder/width.png": ({"width": "640"}, (640, 300), "PNG", "image/png"),
        "source-folder/none.jpg": ({}, (300, 300), "JPEG", "image/jpeg"),
        "source-folder/more.jpg": ({"fit": "inside", "quality": "40", "height": "60"}, (80, 60), "JPEG", "image/jpeg"),
    }
    ids = {
        key: stage.upload(key, edged(400, 300, form), Metadata=metadata)
        for key, (metadata, _, form, _) in sized.items()
    }
    for key, (_, size, form, media_type) in sized.items():
        # The size of the metadata, or 300; stretched, not cropped; under its base name; marked as ours.
        assert stage.record(ids[key], "ready")["pipeline"] == "metadata_sized"
        found, image = stage.stored(stage.dest, key.rpartition("/")[2])
        assert (image.size, image.format) == (size, form)
        assert colours(image) == ["red", "grey", "blue"]
        assert (found["ContentType"], found["Metadata"]["resized"]) == (media_type, "true")
    stage.rest()
    names = {key.rpartition("/")[2] for key in sized}
    assert stage.keys(stage.dest) == names

    # Metadata that cannot be followed, and a picture that cannot be read, fail for good.
    nonsense = {
        "words.jpg": ({"width": "wide"}, "x-amz-meta-width: expected a whole number, got 'wide'"),
        "negative.jpg": ({"height": "-5"}, "x-amz-meta-height: expected a whole number, got '-5'"),
        "over.jpg": ({"width": "20000"}, "x-amz-meta-width: expected a whole number <= 16383, got 20000"),
        "huge.jpg": ({"width": "16383", "height": "16383"}, "width: variant 'resized' would have 268,402,689 pixels"),
        "fit.jpg": ({"fit": "crop"}, "x-amz-meta-fit: expected one of inside, outside, cover, contain, fill"),
        "format.jpg": ({"format": "tiff"}, "x-amz-meta-format: expected one of same, jpeg, png, webp, avif, gif"),
        "names.jpg": ({"variants": "poster"}, "x-amz-meta-variants: expected names out of resized, got 'poster'"),
    }
    wrong = [stage.upload(f"source-folder/{name}", photo, Metadata=said) for name, (said, _) in nonsense.items()]
    (*told, corrupt) = stage.errors(*wrong, stage.upload("source-folder/corrupt.jpg", photo[:500]))
    assert [code for code, _ in (*told, corrupt)] == [*6 * ["invalid_request"], "unknown_variant", "corrupt_image"]
    for (_, message), (_, words) in zip(told, nonsense.values(), strict=True):
        assert message.startswith(words)
    assert stage.keys(stage.dest) == names

    # What somebody puts among the results by hand brings the original back; our own variants are left alone.
    before = stage.invocations("on_destination"), stage.invocations("on_upload")
    stage.s3.put_object(Bucket=stage.dest, Key="none.jpg", Body=b"by hand")
    restored = eventually(lambda: stage.keys(stage.source, "restore-folder/"))
    assert restored == {"restore-folder/none.jpg"}
    copy = stage.s3.get_object(Bucket=stage.source, Key="restore-folder/none.jpg")["Body"].read()
    assert copy == edged(400, 300)
    stage.rest()
    after = stage.invocations("on_destination"), stage.invocations("on_upload")
    assert after == (before[0] + 1, before[1]), "no loop"
    assert stage.keys(stage.dest) == names
    stage.s3.put_object(Bucket=stage.dest, Key="new.jpg", Body=b"by hand")
    assert [
        stage.invoke("on_destination", events.without_sequencer(stage.dest, key, name="ObjectCreated:Put"))["message"]
        for key in ("none.jpg", "new.jpg", "width.png")
    ] == ["manual upload, original restored", "manual upload, no matching original", "a variant of our own"]
    stage.rest()
    assert stage.keys(stage.source, "restore-folder/") == {"restore-folder/none.jpg"}

    assert stage.triggers("on_upload") == [("s3.amazonaws.com", f"arn:aws:s3:::{stage.source}", ACCOUNT)]
    assert stage.triggers("on_destination") == [("s3.amazonaws.com", f"arn:aws:s3:::{stage.dest}", ACCOUNT)]


def test_catalogued(switched_to: Callable[[str], Stage]) -> None:
    stage = switched_to("catalogued")

    # The restore guard of another recipe is gone with it, function and notification.
    names = [found["FunctionName"] for found in stage.client.of("lambda").list_functions()["Functions"]]
    assert f"{APP}-on_destination" not in names
    told = stage.s3.get_bucket_notification_configuration(Bucket=stage.dest)
    assert "LambdaFunctionConfigurations" not in told

    # Every image becomes a 200 x 200 PNG, resized-<key>.
    photos = {
        "catalogued.jpg": edged(400, 300),
        "albums/b c.png": edged(30, 20, "PNG", "RGBA"),
        "tall.webp": edged(100, 900, "WEBP"),
    }
    ids = {key: stage.upload(key, data) for key, data in photos.items()}
    for key, image_id in ids.items():
        item = stage.record(image_id, "ready")
        found, image = stage.stored(stage.dest, f"resized-{key}")
        assert (image.size, image.format, found["ContentType"]) == ((200, 200), "PNG", "image/png")
        # The item holds the original file, the resized file, the bucket, the name, the size and the format.
        assert item["image_id"] == image_id
        assert (item["bucket"], item["key"]) == (stage.source, key)
        assert item["original"]["bytes"] == len(photos[key])
        assert item["original"]["format"] == {"jpg": "jpeg", "png": "png", "webp": "webp"}[key.rpartition(".")[2]]
        (variant,) = item["variants"]
        assert (variant["bucket"], variant["key"]) == (stage.dest, f"resized-{key}")
        assert (variant["width"], variant["height"], variant["format"]) == (200, 200, "png")
        assert variant["bytes"] == found["ContentLength"]
    assert colours(stage.stored(stage.dest, "resized-catalogued.jpg")[1]) == ["grey"] * 3, "cropped, not stretched"

    # Errors are in DynamoDB as well.
    ((code, message),) = stage.errors(stage.upload("corrupt.png", photos["albums/b c.png"][:60]))
    assert (code, bool(message)) == ("corrupt_image", True)

    # Pay per request; of the buckets, no more than reading originals and writing (or removing) variants.
    table = stage.client.of("dynamodb").describe_table(TableName=stage.table.name)["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    writing = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    for bucket, actions in {stage.source: {"s3:GetObject"}, stage.dest: writing}.items():
        assert stage.allowed("on_upload", f"arn:aws:s3:::{bucket}") == {"s3:ListBucket"}
        assert stage.allowed("on_upload", f"arn:aws:s3:::{bucket}/catalogued.jpg") == actions
    tables = [s for s in stage.statements("on_upload") if any(a.startswith("dynamodb:") for a in s["Action"])]
    assert [(set(s["Action"]), s["Resource"]) for s in tables] == [
        ({"dynamodb:GetItem", "dynamodb:PutItem"}, [table["TableArn"]])
    ]


def test_thumbnails(switched_to: Callable[[str], Stage]) -> None:
    stage = switched_to("thumbnails")
    calls, invocations = stage.door("calls"), stage.invocations("on_upload")
    photos = {
        "wide.jpg": (edged(400, 200), (128, 64), "image/jpeg"),
        "albums/tall.png": (edged(90, 300, "PNG", "RGBA"), (38, 128), "image/png"),
        "tiny.webp": (edged(60, 40, "WEBP"), (60, 40), "image/webp"),
        "moving.gif": (picture(200, 200, form="GIF", mode="P"), (128, 128), "image/gif"),
    }
    ids = {key: stage.upload(key, data) for key, (data, _, _) in photos.items()}
    for key, (_, size, media_type) in photos.items():
        # It fits inside 128 x 128, keeps its shape and format, is never enlarged, and is in the same bucket.
        (variant,) = stage.record(ids[key], "ready")["variants"]
        assert (variant["bucket"], variant["key"]) == (stage.source, f"thumbnails/{key}")
        found, image = stage.stored(stage.source, f"thumbnails/{key}")
        assert (image.size, found["ContentType"]) == (size, media_type)
        assert f"image/{image.format}".lower() == media_type
    assert colours(stage.stored(stage.source, "thumbnails/wide.jpg")[1]) == ["red", "grey", "blue"]
    stage.rest()

    # Each was processed once. S3 tells of thumbnails too, whose prefix no filter can leave out: those invocations
    # stop at the key, and call nothing.
    assert stage.invocations("on_upload") - invocations == 2 * len(photos)
    after = stage.door("calls")
    for operation, times in {"s3:GetObject": 1, "s3:PutObject": 1, "dynamodb:PutItem": 2, "sns:Publish": 1}.items():
        assert after.get(operation, 0) - calls.get(operation, 0) == times * len(photos), operation
    stage.upload("thumbnails/by-hand.jpg", photos["wide.jpg"][0])
    stage.rest()
    assert stage.door("calls") == after
    made = {f"thumbnails/{key}" for key in photos}
    assert stage.keys(stage.source, "thumbnails/") == made | {"thumbnails/by-hand.jpg"}

    # An object that is gone when its event arrives is logged and skipped.
    event = json.loads(events.without_sequencer(stage.source, "gone.jpg", name="ObjectCreated:Put"))
    event["Records"][0]["s3"]["object"]["sequencer"] = "01"
    assert stage.invoke("on_upload", event) == {"handled": 0, "skipped": 1}
    (line,) = eventually(lambda: stage.said("on_upload", "Skipped: there is no object gone.jpg"))
    assert line["key"] == "gone.jpg"
    assert stage.item(stage.image_id("gone.jpg"))["status"] == "deleted"

    # An event without records gets a clear message.
    assert stage.invoke("on_upload", {"key1": "value1"}) == {"handled": 0, "skipped": 0}
    assert eventually(lambda: stage.said("on_upload", "The event has no Records: nothing to do"))

    ((code, _),) = stage.errors(stage.upload("corrupt.jpg", photos["wide.jpg"][0][:500]))
    assert code == "corrupt_image"
    assert "thumbnails/corrupt.jpg" not in stage.keys(stage.source)
    assert stage.triggers("on_upload") == [("s3.amazonaws.com", f"arn:aws:s3:::{stage.source}", ACCOUNT)]
    writing = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    assert stage.allowed("on_upload", f"arn:aws:s3:::{stage.source}/thumbnails/wide.jpg") == writing
    assert stage.allowed("on_upload", f"arn:aws:s3:::{stage.source}/wide.jpg") == {"s3:GetObject"}


def test_transfer(switched_to: Callable[[str], Stage]) -> None:
    stage = switched_to("transfer")
    images = {"transfer.jpg": (1600, 800), "albums/small.jpg": (300, 200)}
    ids = {key: stage.upload(key, picture(*size)) for key, size in images.items()}
    for key, image_id in ids.items():
        # Resized to the dimensions of the pipeline, and transferred to a folder of the destination bucket.
        stage.record(image_id, "ready")
        image = stage.stored(stage.dest, f"resized/{key}")[1]
        assert image.size == ((800, 400) if key == "transfer.jpg" else (300, 200))

        # Programs are told by JSON, people in words.
        completion = stage.completion(image_id, "image.ready")
        assert completion["variants"][0]["key"] == f"resized/{key}"
        name, (variant,) = key.rpartition("/")[2], completion["variants"]
        subject, forms = stage.notice(image_id)
        assert json.loads(forms["default"]) == completion
        assert subject == forms["sms"] == f"Halftone: {name} is ready, 1 variant"
        assert forms["email"].splitlines() == [
            f"{name} is ready, 1 variant.",
            "",
            f"resized: {image.width} x {image.height} jpeg, {variant['bytes']:,} bytes",
            f"s3://{stage.dest}/resized/{key}",
            "",
            f"Original: s3://{stage.source}/{key}",
            f"Size: {completion['original_bytes']:,} bytes",
            "Pipeline: transfer",
            f"When: {completion['occurred_at'][:19].replace('T', ' ')} UTC",
            f"Image id: {image_id}",
        ]
    torn = stage.upload("torn.jpg", picture()[:500])
    ((code, message),) = stage.errors(torn)
    assert code == "corrupt_image"
    subject, forms = stage.notice(torn)
    assert subject == forms["sms"] == "Halftone: torn.jpg could not be processed (corrupt_image)"
    assert forms["email"].splitlines()[:3] == [
        "torn.jpg could not be processed (corrupt_image).",
        "",
        f"Reason: {message}",
    ]

    # What another pipeline made beside the originals goes when the image is processed anew.
    again = stage.upload("wide.jpg", picture(40, 30))
    eventually(lambda: stage.item(again).get("pipeline") == "transfer" and stage.record(again, "ready"))
    assert not stage.keys(stage.source, "thumbnails/wide")

    # Buckets are encrypted and closed; that they want TLS was seen before the first test.
    for bucket in (stage.source, stage.dest):
        (rule,) = stage.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        closed = stage.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert list(closed.values()) == [True] * 4

    # CloudWatch has logs, metrics, a dashboard and alarms.
    assert stage.said("on_upload", "Done")
    lines = eventually(lambda: stage.said("on_completion", '"pipeline":"transfer"'))
    metrics = [line for line in lines if "_aws" in line]
    assert {"Images", "Failures", "ProcessingTime", "BytesIn", "BytesOut"} <= metrics[0].keys()
    assert metrics[0]["service"] == APP
    watch = stage.client.of("cloudwatch")
    assert json.loads(watch.get_dashboard(DashboardName=APP)["DashboardBody"])["widgets"]
    assert {alarm["AlarmName"] for alarm in watch.describe_alarms()["MetricAlarms"]} == {
        f"{APP}-{name}"
        for name in (
            "given-up",
            "access-denied",
            "upload-errors",
            "upload-throttles",
            "upload-duration",
            "request-duration",
            "request-errors",
            "notices-refused",
            *(f"{machine}-{end}" for machine in ("workflow", "chain") for end in ("failed", "timed-out")),
            *(f"{handler}-{end}" for handler in ASYNCHRONOUS for end in ("events-dropped", "not-kept")),
        )
    }

    # No role may do everything, or do anything to everything.
    roles = stage.client.of("iam").list_roles()["Roles"]
    names = {role["RoleName"] for role in roles if role["RoleName"].startswith(APP)}
    assert {f"{APP}-on_upload.role", f"{APP}-api_handler.role"} <= names
    for name in names:
        for statement in stage.statements_of(name):
            assert not [action for action in statement["Action"] if "*" in action]
            assert not [resource for resource in statement["Resource"] if resource in {"*", "arn:aws:s3:::*"}]


def test_variants_beside_originals_cause_no_invocation_where_the_pipeline_has_a_prefix(
    home: Home, client: Client, switched_to: Callable[[str], Stage]
) -> None:
    stage = switched_to("transfer")
    (home.app / "chalicelib" / "pipelines" / "beside.toml").write_text(BESIDE)
    home.deployed.unlink()  # it is no copy of the checkout any more
    deploy = [str(venvs.python(venvs.APP)), "-m", "infra.deploy", "deploy", "--stage", STAGE]
    subprocess.run(
        [*deploy, "--project", str(home.app), "--pipeline", "chalicelib/pipelines/beside.toml"],
        cwd=ROOT,
        env=clouds.client_environment(home, client.cloud),
        check=True,
    )
    stage.rest()
    before = stage.invocations("on_upload")
    ids = [stage.upload(f"in/{number}.jpg", picture(100 + number, 100)) for number in range(5)]
    stage.upload("elsewhere.jpg", picture())
    for image_id in ids:
        stage.record(image_id, "ready")
    stage.s3.delete_object(Bucket=stage.source, Key="in/0.jpg")
    stage.record(ids[0], "deleted")
    stage.rest()
    assert stage.keys(stage.source, "out/") == {f"out/in/{number}.jpg" for number in range(1, 5)}
    assert stage.invocations("on_upload") - before == 6, "one an upload and one a deletion, none for variants"


def test_workflow(switched_to: Callable[[str], Stage]) -> None:
    stage = switched_to("workflow")
    calls, invocations = stage.door("calls"), stage.invocations("on_upload")
    stage.upload("task.jpg", edged(400, 300))
    stage.rest()
    assert stage.invocations("on_upload") - invocations == 1
    assert stage.door("calls") == calls, "that looks at the key, and calls nothing"

    task = {"bucket": stage.source, "key": "task.jpg", "dest_bucket": stage.dest, "width": 128, "height": 128}
    result = stage.invoke("resize_task", task)
    assert (result["status"], result["width"], result["height"]) == ("SUCCESS", 128, 96)
    assert (result["source_bucket"], result["dest_bucket"]) == (stage.source, stage.dest)
    assert (result["source_key"], result["image_id"]) == ("task.jpg", stage.image_id("task.jpg"))
    image = stage.stored(stage.dest, result["dest_key"])[1]
    assert image.size == (result["width"], result["height"])

    square = stage.invoke("resize_task", task | {"fit": "fill"})
    assert (square["width"], square["height"]) == (128, 128)
    plain = stage.invoke("resize_task", {"bucket": stage.source, "key": "task.jpg"})
    assert (plain["dest_key"], plain["width"], plain["height"]) == ("thumbnail/task.jpg", 128, 96)

    # The state machine runs the same task: Task, Choice, Succeed or Fail.
    run = stage.run(task | {"width": 64})
    assert (run["status"], run["input"], run["error"]) == ("SUCCEEDED", task | {"width": 64}, None)
    assert (run["output"]["status"], run["output"]["width"], run["output"]["height"]) == ("SUCCESS", 64, 48)
    assert stage.stored(stage.dest, run["output"]["dest_key"])[1].size == (64, 48)

    # Errors have names.
    stage.upload("corrupt.jpg", edged(400, 300)[:500])
    wrong = {
        "NotFound": task | {"key": "gone.jpg"},
        "CorruptImage": task | {"key": "corrupt.jpg"},
        "InvalidRequest": task | {"width": "wide"},
        "ForbiddenBucket": task | {"dest_bucket": "somebody-elses"},
    }
    assert {name: stage.invoke("resize_task", event)["errorType"] for name, event in wrong.items()} == {
        name: name for name in wrong
    }
    failed = stage.run(wrong["CorruptImage"])
    assert (failed["status"], failed["output"], failed["error"]["code"]) == ("FAILED", None, "corrupt_image")
