"""Lambda writes a function's log as the function's role (Lambda Developer Guide, "Sending Lambda function logs to
CloudWatch Logs"): where there is no log group it makes one if the role may, and else nothing is logged; ministack makes
the group always, also for a call that ends after the function was deleted with its log.
"""

from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, lambda_svc


def apply() -> None:
    emit = lambda_svc._emit_lambda_logs

    def emit_where_there_is_a_group(function: dict[str, Any], *args: Any, **options: Any) -> None:
        config = function.get("config") or function
        group = f"/aws/lambda/{config['FunctionName']}"
        if group in cloudwatch_logs._log_groups or _may_make(config["Role"], group):
            emit(function, *args, **options)

    lambda_svc._emit_lambda_logs = emit_where_there_is_a_group


def _may_make(role: str, group: str) -> bool:
    account = get_account_id()
    asked = iam_evaluator.EvalContext(
        principal_arn=role,
        principal_type="AssumedRole",
        principal_account=account,
        action="logs:CreateLogGroup",
        resource_arn=cloudwatch_logs._make_group_arn(group),
        region=get_region(),
    )
    policies = iam_evaluator._gather_role_policies(role.rpartition("/")[2], account)
    return bool(iam_evaluator.evaluate(asked, policies).decision == "Allow")
