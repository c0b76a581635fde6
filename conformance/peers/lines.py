"""JSON lines between a peer and the tests: happenings on stdout, commands on stdin.

Knows nothing of OpenADR.
"""

import asyncio
import json
import logging
import sys
from datetime import datetime, timedelta, timezone
from enum import Enum

# Bytes of one command.
LONGEST = 64 * 1024 * 1024

# Whatever a library prints goes to the log; stdout belongs to the happenings.
_happenings = sys.stdout
sys.stdout = sys.stderr


def say(happening, **details):
    """Print one happening as one line of JSON."""
    line = {"happening": happening, "time": now().isoformat(), **details}
    _happenings.write(json.dumps(line, default=_plain) + "\n")
    _happenings.flush()


async def commands():
    """Yield each command as it comes; end when the tests close stdin."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if line.strip():
            yield json.loads(line)


def log_to_stderr():
    """Keep the peer's own log for the report of a failed test."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)


def now():
    return datetime.now(timezone.utc)


def _plain(value):
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value)
