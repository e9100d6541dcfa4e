"""Where ministack 1.5.33 differs from AWS, one gap a module.

Each module's docstring says what AWS does and what ministack does; its `apply` mends that in the running process. Each
has a test in `tests/localcloud` that fails without it, so that an upgrade of ministack tells which may go.
"""

from localcloud.patches import (
    calls_in_flight,
    compression_unset,
    error_types,
    event_identity,
    event_queue,
    events_to_lambda,
    failed_start,
    iam_names,
    log_groups,
    memory_limits,
    rest_api_import,
    role_boundaries,
    sns_to_lambda,
    whole_environments,
)

ALL = (
    rest_api_import,
    compression_unset,
    sns_to_lambda,
    events_to_lambda,
    event_queue,
    event_identity,
    failed_start,
    whole_environments,
    memory_limits,
    error_types,
    calls_in_flight,
    log_groups,
    role_boundaries,
    iam_names,
)


def apply_all() -> None:
    for patch in ALL:
        patch.apply()
