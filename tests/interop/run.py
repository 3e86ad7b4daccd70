#!/usr/bin/env python3
"""Runs one scenario through other people's clients and compares our cluster's answers with Kafka's own.

    run.py                      our cluster (newest version) against the recorded answers
    run.py --versions 2.8,1.1   the same, our cluster advertising older releases; `matrix` means all of
                                these, `newest` is the default
    run.py --record             asks a real Kafka and writes fixtures/facts/kafka-<release>
    run.py --prove              asks a real Kafka and compares it with the recorded answers
    run.py --bootstrap ADDRESS  compares a cluster that is already there

Every difference fails the run unless it is listed with its reason, in differences.toml or, where an older release
cannot do what the newest can, in releases.toml; so does an entry of these files that no longer differs. The user's view
of the former is src/guide/differences.md. Needs Python 3.11, Java 17, Maven and cargo; everything comes from the registries.
"""

import argparse
import fnmatch
import hashlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = HERE / "cache"
sys.path.insert(0, str(HERE / "kafka"))
import broker  # noqa: E402

NEWEST = ".".join(broker.version().split(".")[:2])
FACTS = ROOT / "fixtures" / "facts" / f"kafka-{NEWEST}"
# Seconds that one scenario may take; against Kafka the slowest takes ten.
PATIENCE = 240
# The older releases that the comparison is repeated with.
MATRIX = ["4.1", "3.9", "2.8", "1.1", "0.11"]
# What a client is too new or too old for. Said here so that a skipped run is visible in a diff.
CANNOT = {("java", "0.11"): "Kafka's clients from 4.0 on need a broker of 2.1 or newer",
          ("java", "1.1"): "Kafka's clients from 4.0 on need a broker of 2.1 or newer",
          **{(client, release): "librdkafka ends with a double free where a broker lacks the requests for groups"
             for client in ("groups", "group-admin") for release in ("1.1", "0.11")},
          **{("consumer-protocol", release): "the consumer group protocol of KIP-848 came with Kafka 4.0"
             for release in MATRIX if release < "4"},
          **{("transactions-wire", release): "it asks for both protocols, and the newer one came with Kafka 4.0"
             for release in MATRIX if release < "4"},
          **{("wire", release): "its requests have versions of the newest release" for release in MATRIX}}


# How each client is prepared and started ---------------------------------------------------------------------------


def python(script):
    venv = HERE / ".venv"
    requirements = HERE / "python" / "requirements.txt"
    stamp, wanted = venv / "installed", hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements], check=True)
        stamp.write_text(wanted)
    return [venv / "bin" / "python", "-W", "ignore", HERE / "python" / script]


def java():
    pom = HERE / "java" / "pom.xml"
    folder = CACHE / ("java-" + hashlib.sha256(pom.read_bytes()).hexdigest()[:12])
    broker.copy_jars(pom, folder)
    return ["java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", f"{folder}/*", HERE / "java" / "Scenario.java"]


def rdkafka():
    crate = HERE / "rdkafka"
    subprocess.run(["cargo", "build", "-q", "--locked", "--manifest-path", crate / "Cargo.toml"], check=True)
    return [crate / "target" / "debug" / "interop-rdkafka"]


CLIENTS = {
    "kafka-python": lambda: python("kafka_python_scenario.py"),
    "confluent-kafka": lambda: python("confluent_scenario.py"),
    "java": java,
    "rdkafka": rdkafka,
    "wire": lambda: python("wire_scenario.py"),
    "groups": lambda: python("groups.py"),
    "consumer-protocol": lambda: python("consumer_protocol.py"),
    "group-admin": lambda: python("group_admin_scenario.py"),
    "transactions-wire": lambda: python("transactions_wire.py"),
}


class Unfinished(Exception):
    """A scenario ended without its answers."""


def answers(client, bootstrap):
    """Runs the client's scenario and returns its answers."""
    command = [str(part) for part in CLIENTS[client]()] + [bootstrap]
    started = time.monotonic()
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Unfinished(f"{client} did not finish in {PATIENCE} s") from None
    try:
        document = json.loads(run.stdout)
    except json.JSONDecodeError:
        raise Unfinished(f"{client} did not finish (exit {run.returncode}):\n{run.stdout[-1000:]}\n{run.stderr[-4000:]}") from None
    for line in run.stderr.splitlines():
        if line.startswith("slow:"):
            print(f"  {client}: {line}")
    print(f"{client}: {len(document)} answers in {time.monotonic() - started:.1f} s")
    return document


# The clusters ------------------------------------------------------------------------------------------------------


class Kafka:
    """Three real brokers."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kafka-"))
        return broker.start(3, self.folder)

    def __exit__(self, *_):
        broker.stop(self.folder)


class Rehearsal:
    """Our own cluster, as its binary serves it."""

    def __init__(self, binary, version):
        self.command = [binary, "serve", "--brokers", "3", "--port", "0", "--json"]
        if version != NEWEST:
            self.command += ["--kafka-version", version]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        return json.loads(self.process.stdout.readline())["bootstrap_servers"]

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        if self.process.wait(10) != 0:
            print(f"the cluster did not stop cleanly: exit {self.process.returncode}", file=sys.stderr)


# The comparison ----------------------------------------------------------------------------------------------------


def differences(kafka, ours, path=()):
    """Yields (path, Kafka's answer, our answer) for every field that differs."""
    if isinstance(kafka, dict) and isinstance(ours, dict):
        for key in sorted(kafka.keys() | ours.keys()):
            yield from differences(kafka.get(key, "(absent)"), ours.get(key, "(absent)"), (*path, key))
    elif isinstance(kafka, list) and isinstance(ours, list) and len(kafka) == len(ours):
        for index, (theirs, mine) in enumerate(zip(kafka, ours)):
            yield from differences(theirs, mine, (*path, str(index)))
    elif kafka != ours:
        yield "/".join(path), kafka, ours


class Allowed:
    """The differences that are known and explained."""

    def __init__(self):
        self.entries = []
        for name in ("differences.toml", "releases.toml"):
            for entry in tomllib.loads((HERE / name).read_text()).get("difference", []):
                paths = entry["path"] if isinstance(entry["path"], list) else [entry["path"]]
                self.entries += [{**entry, "file": name, "path": path} for path in paths]
        self.used, self.possible = set(), set()

    def explains(self, client, version, path):
        found = False
        for number, entry in enumerate(self.entries):
            if not matches(client, entry.get("client", "*")) or not matches(version, entry.get("version", "*")):
                continue
            self.possible.add(number)
            if fnmatch.fnmatchcase(path, entry["path"]):
                self.used.add(number)
                found = True
        return found

    def ran(self, client, version):
        self.explains(client, version, "\n")

    def idle(self):
        return [self.entries[number] for number in sorted(self.possible - self.used)]


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns.split(","))


def short(value):
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 300 else text[:300] + "..."


def compare(client, version, document, allowed):
    """Prints the unexplained differences and returns their number."""
    recorded = json.loads((FACTS / f"{client}.json").read_text())
    allowed.ran(client, version)
    unexplained = 0
    for path, theirs, mine in differences(recorded, document):
        if not allowed.explains(client, version, path):
            unexplained += 1
            print(f"{client} at {version}: {path}\n    Kafka: {short(theirs)}\n    ours:  {short(mine)}")
    return unexplained


def write(folder, client, document):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{client}.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", default=",".join(CLIENTS))
    parser.add_argument("--versions", default="newest", help="releases that our cluster shall advertise, one run each")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--prove", action="store_true")
    parser.add_argument("--bootstrap")
    parser.add_argument("--rehearsal", default=str(ROOT / "target" / "debug" / "rehearsal"))
    parser.add_argument("--answers", type=pathlib.Path, help="also write the answers to this folder")
    options = parser.parse_args()
    # A killed run still stops the cluster that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    clients = options.clients.split(",")
    if options.record:
        with Kafka() as bootstrap:
            for client in clients:
                write(FACTS, client, answers(client, bootstrap))
        return 0

    allowed, failures = Allowed(), 0
    if options.prove:
        allowed.entries = []
    versions = options.versions.replace("newest", NEWEST).replace("matrix", ",".join(MATRIX)).split(",")
    for version in [NEWEST] if options.prove or options.bootstrap else versions:
        cluster = Kafka() if options.prove else None if options.bootstrap else Rehearsal(options.rehearsal, version)
        bootstrap = options.bootstrap or cluster.__enter__()
        try:
            for client in clients:
                if (client, version) in CANNOT:
                    print(f"{client} at {version}: not run, {CANNOT[client, version]}")
                    continue
                try:
                    document = answers(client, bootstrap)
                except Unfinished as error:
                    failures += 1
                    print(f"at {version}: {error}")
                    continue
                if options.answers:
                    write(options.answers / version, client, document)
                failures += compare(client, version, document, allowed)
        finally:
            if cluster:
                cluster.__exit__()
    for entry in allowed.idle():
        failures += 1
        print(f"{entry['file']}: nothing differs any more at {entry['path']} ({entry['reason']})")
    print(f"{failures} unexplained" if failures else "every difference is explained")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
