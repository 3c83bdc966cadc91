"""Where the handler's policy comes from: the demonstration or a file (both through the embedded store), or AWS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edgecors_local.errors import LocalError
from edgecors_local.invoke import Say
from edgecors_local.parameter_store import DEMO_SITE, REGION, EmbeddedStore

LOOK_SECONDS: Final = 0.5
"""How often a policy file is looked at for changes."""
_PASSED_ON: Final = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM")


class Source:
    """A site whose policy the handler reads, and the environment in which it can."""

    def __init__(
        self,
        site: str,
        environment: Mapping[str, str],
        store: EmbeddedStore | None = None,
        watch: asyncio.Task[None] | None = None,
        demo: bool = False,
    ) -> None:
        self.site = site
        self.environment = environment
        self.store = store
        self.demo = demo
        self._watch = watch

    @property
    def parameter(self) -> str:
        """The parameter with the site's policy."""
        return f"/edgecors/sites/{self.site}"

    async def close(self) -> None:
        """Ends what was started for it."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        if self.store is not None:
            self.store.close()


async def opened(policy: Path | None, site: str | None, say: Say) -> Source:
    """The source that was asked for; the demonstration without either. Raises LocalError."""
    if site is not None:
        return Source(site, _aws_environment(site))
    content = None if policy is None else _content(policy)
    text = None if policy is None else _checked(policy, say)
    store = EmbeddedStore()
    try:
        if policy is None or text is None:
            store.put_demo()
            return Source(DEMO_SITE, store.environment(), store, demo=True)
        source = Source(DEMO_SITE, store.environment(), store)
        store.put(source.parameter, text)
    except BaseException:
        store.close()
        raise
    source._watch = asyncio.create_task(_follow(policy, content, source, store, say))
    return source


async def _follow(policy: Path, seen: bytes | None, source: Source, store: EmbeddedStore, say: Say) -> None:
    """Puts the file into the store whenever its content has changed; an invalid one is reported once and skipped."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        current = _content(policy)
        if current == seen:
            continue
        seen = current
        try:
            await asyncio.to_thread(store.put, source.parameter, _checked(policy, say))
        except LocalError as error:
            say(f"{error}\nThe previous policy stays in use.")
        else:
            say(f"{policy} has changed; the change takes effect at the handler's next refresh.")


def _content(policy: Path) -> bytes | None:
    """The bytes of the file; None where it can't be read."""
    try:
        return policy.read_bytes()
    except OSError:
        return None


def _checked(policy: Path, say: Say) -> str:
    """What the command would store for the file, after the library has read it as the handler will.

    Raises LocalError with all errors.
    """
    from edgecors.document import PolicyError, load_policy
    from edgecors_admin.errors import UsageError
    from edgecors_admin.policy_files import read_policy_text, read_text

    try:
        text = read_policy_text(read_text(str(policy)), str(policy), policy.suffix).single
    except UsageError as error:
        raise LocalError(f"The policy {error}", 2) from error
    if text is None:
        raise LocalError(f"The policy {policy} is a bundle of sites and lists. Use the policy of one site.", 2)
    try:
        compiled = load_policy(text)
    except PolicyError as error:
        findings = "\n".join(f"  {finding}" for finding in error.findings)
        raise LocalError(f"The policy {policy} is invalid:\n{findings}", 2) from error
    for finding in compiled.findings:
        say(f"{policy}: {finding}")
    return text


def _aws_environment(site: str) -> Mapping[str, str]:
    """The environment's own AWS settings, with the credentials that boto3 finds (profile, SSO) as variables, which
    is how Lambda hands them to a handler. Raises LocalError when the site's parameter can't be read with them.
    """
    import boto3
    import botocore.exceptions

    session = boto3.Session()
    region = session.region_name or REGION
    name = f"/edgecors/sites/{site}"
    try:
        client = session.client("ssm", region_name=region)
        client.get_parameter(Name=name, WithDecryption=True)
        credentials = session.get_credentials()
    except botocore.exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "ParameterNotFound":
            raise LocalError(
                f"There is no parameter {name} in {region}. Create it with:\n"
                f"  aws ssm put-parameter --region {shlex.quote(region)} --name {name} --type String --value file://policy.json",
                2,
            ) from error
        raise LocalError(f"{name} in {region} can't be read: {error}.", 2) from error
    except botocore.exceptions.BotoCoreError as error:
        raise LocalError(f"{name} in {region} can't be read: {error}", 2) from error
    environment = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    # A built artifact sees nothing of this process's environment but what stands here.
    environment |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if credentials is not None:
        frozen = credentials.get_frozen_credentials()
        environment |= {
            "AWS_ACCESS_KEY_ID": frozen.access_key or "",
            "AWS_SECRET_ACCESS_KEY": frozen.secret_key or "",
        }
        if frozen.token:
            environment["AWS_SESSION_TOKEN"] = frozen.token
    return environment
