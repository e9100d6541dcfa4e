"""What a line of the log holds."""

import json
import logging

from aws_lambda_powertools import Logger
from chalice.test import Client

import app
from chalicelib.logs import BriefFormatter
from localcloud.cold_worker import Context


def test_a_line_says_what_happened_and_not_what_each_line_says(capsys):
    logger = Logger(service="halftone-test", logger_formatter=BriefFormatter())

    @logger.inject_lambda_context
    def handler(_event, _context):
        logging.getLogger("halftone-test.follow").info("Done", extra={"image_id": "1", "ms": 5})

    context = Context()
    handler({}, context)
    line = json.loads(capsys.readouterr().out)
    assert line.keys() == {
        "level", "location", "message", "timestamp", "service", "cold_start", "function_request_id", "image_id", "ms"
    }  # fmt: skip
    assert (line["message"], line["function_request_id"]) == ("Done", context.aws_request_id)


def test_the_app_logs_like_that():
    with Client(app.app):
        formatters = [handler.formatter for handler in logging.getLogger("halftone").handlers]
    assert [type(one) for one in formatters] == [BriefFormatter]
