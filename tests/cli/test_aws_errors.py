"""What a command, or the guard, can know of an error of AWS without reading its message."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from edgecors_admin.account import aws_errors
from edgecors_admin.errors import AwsError, NotPermittedError


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("PreconditionFailed", AwsError),
        ("ThrottlingException", AwsError),
        ("ExpiredToken", AwsError),
        ("InvalidClientTokenId", AwsError),
        ("AccessDeniedException", NotPermittedError),
        ("", AwsError),
    ],
)
def test_aws_error_has_the_service_s_code(code: str, kind: type[AwsError]) -> None:
    response: Any = {"Error": {"Code": code, "Message": "NotFoundException: PreconditionFailed"}}
    with pytest.raises(kind) as raised, aws_errors():
        raise ClientError(response, "GetParameter")
    assert raised.value.code == code
    assert raised.value.summary == f"GetParameter: {code}"


def test_aws_error_without_an_answer_has_no_code() -> None:
    with pytest.raises(AwsError) as raised, aws_errors():
        raise EndpointConnectionError(endpoint_url="https://ssm.eu-west-1.amazonaws.com")
    assert (raised.value.code, raised.value.summary) == ("", "EndpointConnectionError")
