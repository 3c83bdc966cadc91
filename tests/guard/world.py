"""A small world for the guard: Parameter Store in three Regions, a topic that somebody reads, a distribution."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from botocore.exceptions import ClientError

from functions.guard.edgecors_guard.change import Change
from functions.guard.edgecors_guard.clients import Clients
from functions.guard.edgecors_guard.guard import Guard
from functions.guard.edgecors_guard.settings import Settings
from tests.support.parameter_store import CONFIG, ParameterStoreServer

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

HOME = "us-east-1"
REPLICAS = ("eu-west-1", "ap-southeast-2")
ROOT = "/edgecors"
DISTRIBUTION = "E2EXAMPLE1234"
SHOP = f"{ROOT}/sites/shop"
PARTNERS = f"{ROOT}/lists/partners"

GOOD = "https://app.example.com"
WILD = '{"version": 1, "rules": [{"allow_origins": "*"}]}'
LATER = "https://sqs.us-east-1.amazonaws.com/123456789012/later"
BAD = '{"version": 1, "rules": [{"allow_origins": "*", "allow_credentials": true}]}'


@dataclass
class CloudFront:
    """Stands in for what moto lacks: one invalidation for each reference, and a limit of those that run."""

    accepted: list[str] = field(default_factory=list)
    busy: bool = False

    def create_invalidation(self, DistributionId: str, InvalidationBatch: dict[str, Any]) -> dict[str, Any]:
        assert DistributionId == DISTRIBUTION
        assert InvalidationBatch["Paths"] == {"Quantity": 1, "Items": ["/*"]}
        if self.busy:
            code = "TooManyInvalidationsInProgress"
            raise ClientError({"Error": {"Code": code, "Message": "later"}}, "CreateInvalidation")
        reference = InvalidationBatch["CallerReference"]
        if reference not in self.accepted:
            self.accepted.append(reference)
        return {}


@dataclass
class Queue:
    """Stands in for SQS, whose delays moto keeps in real time."""

    waiting: list[tuple[str, int]] = field(default_factory=list)

    def send_message(self, QueueUrl: str, MessageBody: str, DelaySeconds: int) -> None:
        assert QueueUrl == LATER
        assert 0 <= DelaySeconds <= 900
        self.waiting.append((MessageBody, DelaySeconds))


class World:
    """Everything around one guard. Its Regions are empty to begin with."""

    def __init__(self, store: ParameterStoreServer) -> None:
        self.store = store
        self.now = datetime.now(UTC).timestamp()
        self.cloudfront = CloudFront()
        self.later = Queue()
        self._log = io.StringIO()
        self._guards = 0
        self._ssm: dict[str, SSMClient] = {}
        self.sns = self._client("sns")
        self.sqs = self._client("sqs")
        self.topic = self.sns.create_topic(Name="guard")["TopicArn"]
        self._inbox = self.sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self._inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.store.endpoint,
            region_name=HOME,
            aws_access_key_id=self.store.access_key,
            aws_secret_access_key=self.store.secret_key,
            config=CONFIG,
        )

    def guard(self, **settings: Any) -> Guard:
        """A guard in an execution environment of its own."""
        given = {"region": HOME, "replicas": REPLICAS, "topic": self.topic, **settings}
        clients = Clients(HOME)
        clients.cloudfront = self.cloudfront  # type: ignore[assignment]
        clients.sqs = self.later
        # Powertools hands out one logger a name, with the stream that the first one was given.
        self._guards += 1
        logger = Logger(service=f"edgecors-guard-{id(self)}-{self._guards}", stream=self._log)
        metrics = Metrics(namespace="edgecors", service="edgecors-guard")
        metrics.clear_metrics()
        return Guard(Settings(**given), clients, logger, metrics, clock=lambda: self.now)

    def ssm(self, region: str = HOME) -> SSMClient:
        if region not in self._ssm:
            self._ssm[region] = self.store.client_in(region)
        return self._ssm[region]

    def put(self, name: str, value: str, **more: Any) -> Change:
        """What somebody writes, and the event of it."""
        given = {"Type": "String", "Overwrite": True, **more}
        if "Overwrite" in given and "Type" not in more and self.value(name) is not None:
            del given["Type"]  # as the console does: a change keeps the type
        self.ssm().put_parameter(Name=name, Value=value, **given)
        return self.event(name)

    def delete(self, name: str) -> Change:
        self.ssm().delete_parameter(Name=name)
        return self.event(name)

    def event(self, name: str, *, age: timedelta = timedelta()) -> Change:
        kind, short = name.removeprefix(f"{ROOT}/").split("/")
        return Change(name, kind, short, datetime.now(UTC).replace(microsecond=0) - age)

    def parameter(self, name: str, region: str = HOME) -> dict[str, Any] | None:
        found = self.ssm(region).get_parameters(Names=[name], WithDecryption=True)["Parameters"]
        return dict(found[0]) if found else None

    def value(self, name: str, region: str = HOME) -> str | None:
        found = self.parameter(name, region)
        return None if found is None else str(found["Value"])

    def everywhere(self, name: str) -> list[str | None]:
        """The home Region's value, and that of each replica."""
        return [self.value(name, region) for region in (HOME, *REPLICAS)]

    def history(self, name: str, region: str = HOME) -> list[tuple[int, str]]:
        answer = self.ssm(region).get_parameter_history(Name=name, WithDecryption=True)
        return [(version["Version"], version["Value"]) for version in answer["Parameters"]]

    def notices(self) -> list[tuple[str, str]]:
        """Subject and text of what was published since the last look, in no certain order."""
        return [(body["Subject"], body["Message"]) for body in map(json.loads, self._receive())]

    def subjects(self) -> list[str]:
        return sorted(subject for subject, _ in self.notices())

    @property
    def log(self) -> str:
        """All that the guards have logged so far."""
        return self._log.getvalue()

    def _receive(self) -> Iterator[str]:
        while messages := self.sqs.receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self._inbox, ReceiptHandle=message["ReceiptHandle"])
                yield message["Body"]

    def reset_after_restore(self) -> None:
        """Empties everything."""
        for region in (HOME, *REPLICAS):
            client = self.ssm(region)
            pages = client.get_paginator("get_parameters_by_path").paginate(Path=ROOT, Recursive=True)
            for name in [parameter["Name"] for page in pages for parameter in page["Parameters"]]:
                client.delete_parameter(Name=name)
        self.notices()
        self.cloudfront.accepted.clear()

    def close(self) -> None:
        self.reset_after_restore()
        self.sns.delete_topic(TopicArn=self.topic)
        self.sqs.delete_queue(QueueUrl=self._inbox)


def counted(guard: Guard) -> dict[str, float]:
    """The metrics so far, each with its sum."""
    return {name: sum(metric["Value"]) for name, metric in guard._metrics.provider.metric_set.items()}
