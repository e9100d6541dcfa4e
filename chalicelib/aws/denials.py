"""What AWS does not let a function do: told once as a line of the log, and once as a metric."""

import logging

log = logging.getLogger("halftone.denials")


def is_denied(code: str) -> bool:
    """Tell whether trying again is in vain until somebody corrects a policy, or what is wrong with a key of KMS.

    S3 answers a HEAD with the status alone.

    >>> is_denied("KMS.DisabledException"), is_denied("KMSThrottling"), is_denied("SlowDown")
    (True, False, False)
    """
    of_key = code.upper().startswith("KMS") and "thrott" not in code.lower()
    return of_key or "AccessDenied" in code or code in {"AuthorizationError", "403"}


def tell(operation: str, code: str, said: str) -> None:
    """Log what was denied in AWS's own words, which name the action and the resource, and count it for the alarm."""
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit  # noqa: PLC0415 - hardly ever needed

    log.error(
        "Access denied: correct the policy, then make redrive",
        extra={"operation": operation, "code": code, "said": said},
    )
    metrics = EphemeralMetrics()
    metrics.add_metric("AccessDenied", MetricUnit.Count, 1)
    metrics.flush_metrics()
