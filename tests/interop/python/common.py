"""What the Python clients' scenarios share: how an answer is written down.

Nothing that differs from run to run may be in an answer. Broker ids become `b0`, `b1`, ...; clock times become "now".
"""

import argparse
import json
import re
import sys
import time

# Every record's time is given, and lies where no clock of a test run will ever be.
BASE = 1_600_000_000_000
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
KEEP = {"retention.ms": "-1"}


class Answers:
    """The document: name of a question to what was answered, an error included."""

    def __init__(self, error_of):
        self.error_of = error_of
        self.document = {}
        self.slow = {}

    def ask(self, name, question, *args, **kwargs):
        """Writes down what `question` returns, or the error it raises; returns it too, or None."""
        started = time.monotonic()
        try:
            answer = question(*args, **kwargs)
            self.document[name] = answer
            return answer
        except Exception as error:  # every kind of refusal is an answer
            self.document[name] = self.error_of(error)
        finally:
            self.slow[name] = time.monotonic() - started

    def print(self):
        json.dump(self.document, sys.stdout, indent=1, sort_keys=True, ensure_ascii=True)
        print()
        for name, seconds in self.slow.items():
            if seconds > 3:
                print(f"slow: {name} took {seconds:.1f} s", file=sys.stderr)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap_servers")
    return parser.parse_args().bootstrap_servers


def record(partition, offset, timestamp, timestamp_type, key, value, headers):
    """One consumed record, in words that every client can say."""
    return {
        "partition": partition,
        "offset": offset,
        "timestamp": moment(timestamp),
        "timestamp_type": timestamp_type,
        "key": text(key),
        "value": text(value),
        "headers": [[name, text(value)] for name, value in headers or []],
    }


def text(value):
    return None if value is None else value.decode("utf-8", "backslashreplace")


def moment(timestamp):
    """A time given by the scenario stays; a time from a clock becomes a word."""
    return "now" if timestamp is not None and timestamp > BASE + 10**10 else timestamp


def stable(message):
    """Takes out of an error's message what changes from run to run: ports, ids of brokers."""
    if message is None:
        return None
    message = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", message)
    return re.sub(r"\bbroker \d\b", "broker N", message)


def value_of_config(name, value, source, sensitive):
    """A value that the operator gave belongs to the cluster, not to Kafka: only the rest is compared."""
    return "given" if source == "STATIC_BROKER_CONFIG" or sensitive else value


def settle(question, done, seconds=10):
    """Asks until `done(answer)`: a KRaft broker learns of changes a moment after they were acknowledged."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if done(answer) or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)
