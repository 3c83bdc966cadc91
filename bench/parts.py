"""The parts of a cold start, timed inside one process that has done what Lambda's runtime client does.

Usage: parts.py ARTIFACT PARAMETER. Prints JSON, milliseconds by part. Run by `bench.cold`, each time anew.
"""

from __future__ import annotations

import json
import os
import sys
import time

clock = time.perf_counter
milliseconds: dict[str, float] = {}


def lap(name: str, since: float) -> float:
    now = clock()
    milliseconds[name] = (now - since) * 1000
    return now


def main(artifact: str, parameter: str) -> None:
    import awslambdaric.__main__  # noqa: F401 -- what it has loaded costs the function nothing more

    sys.path.insert(0, artifact)
    start = now = clock()
    import edgecors.aws.http1
    import edgecors.aws.parameters
    import edgecors.edge
    import edgecors.store
    import edgecors.telemetry

    now = lap("import edgecors", now)
    from edgecors.aws.credentials import CredentialSource
    from edgecors.aws.parameters import ParameterReader
    from edgecors.aws.sigv4 import sign
    from edgecors.document import load_policy

    store = ParameterReader("us-east-1", environ=os.environ)
    credentials = CredentialSource(os.environ).poll(0)
    assert credentials is not None
    secure = os.environ["AWS_ENDPOINT_URL_SSM"].startswith("https")
    now = clock()
    if secure:
        import ssl  # noqa: F401

        now = lap("import ssl", now)
        store._connection._context = edgecors.aws.http1._tls_context(False, os.environ["AWS_CA_BUNDLE"])
        now = lap("TLS context, one root", now)
    store.open(time.monotonic() + 5)
    now = lap("connection", now)
    sign(credentials, "us-east-1", "localhost", "/", {"content-type": "-", "x-amz-target": "-"}, b"{}", time.time())
    now = lap("signing", now)
    store.begin([parameter], 5)
    values = store.poll(time.monotonic() + 5)
    now = lap("one read (signing included)", now)
    assert values is not None
    load_policy(values[parameter].value)
    now = lap("parsing and compiling the policy", now)
    milliseconds["all of these"] = (now - start) * 1000
    if secure:
        now = clock()
        edgecors.aws.http1._tls_context(True, "")
        now = lap("(instead: context with Amazon's five roots)", now)
        edgecors.aws.http1._tls_context(False, "")
        lap("(instead: context with the system's roots)", now)
    print(json.dumps(milliseconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
