"""What a line of the log holds."""

import json
import logging

from aws_lambda_powertools import Logger
from chalice.test import Client

import app
from chalicelib.logs import BriefFormatter
from localcloud.cold_worker import Context


def lines(capsys, name, level):
    """What a warm function logs after one call."""
    logger = Logger(service=name, logger_formatter=BriefFormatter())

    @logger.inject_lambda_context
    def handler(_event, _context):
        logging.getLogger(f"{name}.follow").log(level, "Done", extra={"image_id": "1", "ms": 5})

    context = Context()
    handler({}, context)
    capsys.readouterr()
    handler({}, context)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["function_request_id"] for line in found} == {context.aws_request_id}
    return found


def test_a_line_says_what_happened_and_not_what_each_line_says(capsys):
    (line,) = lines(capsys, "halftone-well", logging.INFO)
    assert line.keys() == {"level", "message", "timestamp", "function_request_id", "image_id", "ms"}
    assert line["message"] == "Done"


def test_what_went_wrong_says_where(capsys):
    (line,) = lines(capsys, "halftone-wrong", logging.WARNING)
    assert line["location"].startswith("handler:")
    assert line["cold_start"] is False


def test_the_app_logs_like_that():
    with Client(app.app):
        formatters = [handler.formatter for handler in logging.getLogger("halftone").handlers]
    assert [type(one) for one in formatters] == [BriefFormatter]
