"""Pipeline files as tests write them."""

import tomllib
from pathlib import Path

import pytest

from chalicelib.model.pipeline import Pipeline
from chalicelib.pipelines import loading


def parsed(text: str, folder: Path = Path()) -> Pipeline:
    return loading.parse(tomllib.loads(text), name="mine", folder=folder)


def problems(text: str, folder: Path = Path()) -> list[str]:
    with pytest.raises(loading.PipelineError) as caught:
        parsed(text, folder)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]
