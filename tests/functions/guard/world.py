"""An AWS account around the guard: Parameter Store in three Regions, a topic with a subscriber, distributions."""

from __future__ import annotations

import functools
import io
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import boto3
from aws_lambda_powertools import Logger, Metrics
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.validate import validate_parameters
from edgecors_admin.regions import EDGE_REGIONS

from functions.guard.edgecors_guard.change import Change
from functions.guard.edgecors_guard.clients import Clients
from functions.guard.edgecors_guard.guard import Guard
from functions.guard.edgecors_guard.settings import Settings
from tests.support.parameter_store import CONFIG, ParameterStoreServer

if TYPE_CHECKING:
    from edgecors_admin.parameter_store import Kind
    from mypy_boto3_ssm import SSMClient

HOME = "us-east-1"
REPLICAS = ("eu-west-1", "ap-southeast-2")
ROOT = "/edgecors"
DISTRIBUTION = "E2EXAMPLE1234"
STAGING = "E3EXAMPLE5678"
SHOP = f"{ROOT}/sites/shop"
PARTNERS = f"{ROOT}/lists/partners"

GOOD = "https://app.example.com"
WILD = '{"version": 1, "rules": [{"allow_origins": "*"}]}'
LATER = "https://sqs.us-east-1.amazonaws.com/123456789012/later"
BAD = '{"version": 1, "rules": [{"allow_origins": "*", "allow_credentials": true}]}'


@dataclass
class CloudFrontDouble:
    """CloudFront's invalidations, which moto lacks: one for each reference, and a limit of those in progress.

    Attributes:
        references: the references accepted so far, by distribution.
        busy: whether a distribution has too many invalidations in progress.
    """

    references: dict[str, list[str]] = field(default_factory=dict)
    busy: bool = False

    def create_invalidation(self, DistributionId: str, InvalidationBatch: dict[str, Any]) -> dict[str, Any]:
        assert InvalidationBatch["Paths"] == {"Quantity": 1, "Items": ["/*"]}
        if self.busy:
            code = "TooManyInvalidationsInProgress"
            raise ClientError({"Error": {"Code": code, "Message": "later"}}, "CreateInvalidation")
        references = self.references.setdefault(DistributionId, [])
        if InvalidationBatch["CallerReference"] not in references:
            references.append(InvalidationBatch["CallerReference"])
        return {}

    @property
    def counts(self) -> dict[str, int]:
        """The number of invalidations of each distribution."""
        return {distribution: len(references) for distribution, references in self.references.items()}


@dataclass
class QueueDouble:
    """SQS with the delays that moto would wait for in real time."""

    messages: list[tuple[str, int]] = field(default_factory=list)

    def send_message(self, QueueUrl: str, MessageBody: str, DelaySeconds: int) -> None:
        assert QueueUrl == LATER
        assert 0 <= DelaySeconds <= 900
        self.messages.append((MessageBody, DelaySeconds))


@dataclass
class CloudWatchDouble:
    """One Region's GetMetricData with SEARCH expressions, which moto lacks.

    Attributes:
        values: the values of each metric and statistic, in a namespace ``edgecors`` with the dimension ``site``.
        failing: whether requests are refused.
    """

    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    failing: bool = False

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        model = get_session().get_service_model("cloudwatch").operation_model("GetMetricData")
        assert model.input_shape is not None
        validate_parameters(request, model.input_shape)
        assert request["EndTime"] - request["StartTime"] == timedelta(minutes=15)
        if self.failing:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not here"}}, "GetMetricData")
        results = []
        for query in request["MetricDataQueries"]:
            match = _SEARCH.fullmatch(query["Expression"])
            assert match is not None, query
            values = self.values.get((match["metric"], match["statistic"]), [])
            if values:
                # A combined series has one value for each period.
                results.append({"Id": query["Id"], "Values": values})
        return {"MetricDataResults": results}


_SEARCH = re.compile(
    r"(?:MAX|SUM)\(SEARCH\('\{edgecors,site\} MetricName=\"(?P<metric>\w+)\"', '(?P<statistic>\w+)', 300\)\)"
)


class InProcessStore:
    """moto in this process, in place of its server: faster, without checks of signatures and permissions."""

    endpoint = None
    access_key = secret_key = "testing"


@functools.cache
def _client(service: str, region: str, endpoint: str | None, access_key: str, secret_key: str) -> Any:
    """Making a client takes longer than most requests."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=CONFIG,
    )


_NUMBERS = itertools.count()


class World:
    """Everything around one guard. Its Regions are empty at first."""

    def __init__(self, store: ParameterStoreServer | InProcessStore) -> None:
        self.store = store
        self.now = datetime.now(UTC).timestamp()
        self.cloudfront = CloudFrontDouble()
        self.later = QueueDouble()
        self.cloudwatch = {region: CloudWatchDouble() for region in EDGE_REGIONS}
        self.locked: set[str] = set()
        self.lock_code = "AccessDeniedException"
        self._log = io.StringIO()
        self.sns = self._client("sns")
        self.sqs = self._client("sqs")
        self.topic = self.sns.create_topic(Name="guard")["TopicArn"]
        self._inbox = self.sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self._inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def _client(self, service: str, region: str = HOME) -> Any:
        return _client(service, region, self.store.endpoint, self.store.access_key, self.store.secret_key)

    def guard(self, **settings: Any) -> Guard:
        """A guard in an execution environment of its own."""
        values = {"region": HOME, "replicas": REPLICAS, "topic": self.topic, **settings}
        clients = Clients(HOME, ROOT)
        clients.cloudfront = self.cloudfront  # type: ignore[assignment]
        clients.sqs = self.later
        for region, double in self.cloudwatch.items():
            clients._regional["cloudwatch", region] = double
        clients._session.events.register("after-call.ssm", self._refuse_locked)
        # Powertools returns the same logger for the same name, with the stream of its first use.
        logger = Logger(service=f"edgecors-guard-{next(_NUMBERS)}", stream=self._log)
        metrics = Metrics(namespace="edgecors", service="edgecors-guard")
        metrics.clear_metrics()
        return Guard(Settings(**values), clients, logger, metrics, clock=lambda: self.now)

    def lock(self, name: str) -> None:
        """Encrypt a parameter with a key that guards may not use. Reads that decrypt it then fail as a whole."""
        assert (self.parameter(name) or {}).get("Type") == "SecureString"
        self.locked.add(name)

    def _refuse_locked(self, parsed: dict[str, Any], model: Any, **_: object) -> None:
        # moto keeps no keys; what it did not decrypt starts with kms:.
        items = [*parsed.get("Parameters", ()), *([parsed["Parameter"]] if "Parameter" in parsed else ())]
        if any(item["Name"] in self.locked and not item["Value"].startswith("kms:") for item in items):
            error = {"Error": {"Code": self.lock_code, "Message": "The ciphertext refers to a key"}}
            raise ClientError(error, model.name)  # type: ignore[arg-type]

    def ssm(self, region: str = HOME) -> SSMClient:
        """A client that may do everything in a Region."""
        client: SSMClient = self._client("ssm", region)
        return client

    def put(self, name: str, value: str, **fields: Any) -> Change:
        """Write a parameter at home, as a person does; the event of this write."""
        request = {"Type": "String", "Overwrite": True, **fields}
        if "Type" not in fields and self.value(name) is not None:
            del request["Type"]  # as in the console: a change keeps the type
        self.ssm().put_parameter(Name=name, Value=value, **request)
        return self.event(name)

    def delete(self, name: str) -> Change:
        """Delete a parameter at home; the event of it."""
        self.ssm().delete_parameter(Name=name)
        return self.event(name)

    def event(self, name: str, *, age: timedelta = timedelta()) -> Change:
        """An event about a parameter, of this age."""
        kind, short_name = name.removeprefix(f"{ROOT}/").split("/")
        time = datetime.now(UTC).replace(microsecond=0) - age
        return Change(name, cast("Kind", kind), short_name, time)

    def parameter(self, name: str, region: str = HOME) -> dict[str, Any] | None:
        """A parameter as GetParameters returns it."""
        parameters = self.ssm(region).get_parameters(Names=[name], WithDecryption=True)["Parameters"]
        return dict(parameters[0]) if parameters else None

    def value(self, name: str, region: str = HOME) -> str | None:
        """A parameter's value; None for a missing one."""
        parameter = self.parameter(name, region)
        return None if parameter is None else str(parameter["Value"])

    def everywhere(self, name: str) -> list[str | None]:
        """A parameter's value in the home Region and in each replica."""
        return [self.value(name, region) for region in (HOME, *REPLICAS)]

    def history(self, name: str, region: str = HOME) -> list[tuple[int, str]]:
        """The numbers and values of a parameter's versions."""
        response = self.ssm(region).get_parameter_history(Name=name, WithDecryption=True)
        return [(version["Version"], version["Value"]) for version in response["Parameters"]]

    def notices(self) -> list[tuple[str, str]]:
        """Subject and text of what was published since the last call, in no particular order."""
        return [(body["Subject"], body["Message"]) for body in map(json.loads, self._receive())]

    def subjects(self) -> list[str]:
        """The subjects of what was published since the last call, sorted."""
        return sorted(subject for subject, _ in self.notices())

    @property
    def log(self) -> str:
        """Everything that the guards have logged so far."""
        return self._log.getvalue()

    def _receive(self) -> Iterator[str]:
        while messages := self.sqs.receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self._inbox, ReceiptHandle=message["ReceiptHandle"])
                yield message["Body"]

    def clear(self) -> None:
        """Delete all parameters, notices and invalidations."""
        for region in (HOME, *REPLICAS):
            client = self.ssm(region)
            pages = client.get_paginator("get_parameters_by_path").paginate(Path=ROOT, Recursive=True)
            for name in [parameter["Name"] for page in pages for parameter in page["Parameters"]]:
                client.delete_parameter(Name=name)
        self.notices()
        self.cloudfront.references.clear()

    def close(self) -> None:
        """Delete everything, the topic and its subscriber too."""
        self.clear()
        self.sns.delete_topic(TopicArn=self.topic)
        self.sqs.delete_queue(QueueUrl=self._inbox)


def metrics_of(guard: Guard) -> dict[str, float]:
    """The sum of each metric that a guard has counted so far."""
    return {name: sum(metric["Value"]) for name, metric in guard._metrics.provider.metric_set.items()}
