import inspect
import json

import pytest

from chalicelib import errors
from chalicelib.http.problems import problem

STATUSES = {
    "InvalidRequest": 400,
    "UnknownVariant": 400,
    "ForbiddenBucket": 403,
    "NotFound": 404,
    "FileTooLarge": 413,
    "ImageTooLarge": 413,
    "TooManyFrames": 413,
    "UnsupportedFormat": 415,
    "EmptyObject": 422,
    "CorruptImage": 422,
    "NotAnOriginal": 422,
    "Replaced": 422,
    "ResourcesExceeded": 422,
    "VariantTooLarge": 422,
    "CompletionRefused": 422,
    "DeadlineExceeded": 504,
    "StorageUnavailable": 503,
    "CatalogueUnavailable": 503,
    "AccessDenied": 503,
    "CompletionsUnavailable": 503,
    "WorkflowsUnavailable": 503,
    "ImageBusy": 503,
    "TimeIsUp": 503,
}
ERRORS = {name: found for name, found in inspect.getmembers(errors, inspect.isclass) if hasattr(found, "code")}


def test_every_error_has_its_status_here():
    assert set(STATUSES) == set(ERRORS)


@pytest.mark.parametrize("name", STATUSES)
def test_an_error_becomes_a_problem_document(name):
    response = problem(ERRORS[name]("what was wrong"), "request-1")
    assert response.status_code == STATUSES[name]
    assert response.headers["Content-Type"] == "application/problem+json"
    document = json.loads(response.body)
    assert set(document) == {"type", "title", "status", "detail", "code", "request_id"}
    assert (document["status"], document["code"], document["detail"], document["request_id"]) == (
        STATUSES[name],
        ERRORS[name].code,
        "what was wrong",
        "request-1",
    )


def test_the_field_at_fault_is_named():
    document = json.loads(problem(errors.InvalidRequest("width: too small", field="width"), "").body)
    assert document["field"] == "width"


@pytest.mark.parametrize("name", STATUSES)
def test_only_what_may_work_later_says_when_to_come_back(name):
    found = problem(ERRORS[name]("x"), "").headers.get("Retry-After")
    assert found == ("5" if STATUSES[name] == 503 else None)
