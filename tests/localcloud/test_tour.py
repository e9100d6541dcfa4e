import pytest

from chalicelib.pipelines import loading
from localcloud.tour import suggestions


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default", ["$SOURCE_BUCKET/photo.jpg"]),
        ("thumbnails", ["$SOURCE_BUCKET/photo.jpg"]),
        (
            "metadata_sized",
            [
                "-H x-amz-meta-width:640 $AWS_ENDPOINT_URL/$SOURCE_BUCKET/source-folder/photo.jpg",
                "$DEST_BUCKET/sample.jpg",
                "$SOURCE_BUCKET/restore-folder/sample.jpg",
            ],
        ),
        (
            "workflow",
            [
                "functions/halftone-local-resize_task/invocations -d",
                'RUN=$(curl -s $API_URL/workflows -d \'{"bucket": "\'$SOURCE_BUCKET\'", "key": "sample.jpg", ',
                "curl $API_URL/workflows/$RUN",
            ],
        ),
    ],
)
def test_what_is_suggested_fits_the_pipeline(name: str, expected: list[str]) -> None:
    pipeline = loading.load(name)
    lines = suggestions(pipeline, pipeline.source.prefix + "sample.jpg", "the-id")
    for words in expected:
        assert [line for line in lines if words in line], words
    assert any("/images/the-id" in line for line in lines)
    assert any("x-amz-meta" in line for line in lines) is pipeline.source.instructions
    assert any(line.startswith("aws s3 cp") for line in lines) is (name != "workflow")
