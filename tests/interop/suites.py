#!/usr/bin/env python3
"""Runs the integration tests that other people wrote for their Rust clients, as published, against our cluster.

    suites.py             all suites
    suites.py rskafka     only this one
    suites.py --list      the tests and what is expected of them, without running them

The crates come from crates.io by name and version and are unpacked into tests/interop/cache, which git ignores; nothing
of them is part of this repository. A test that fails must be in FAILS with its reason, and a test in FAILS must fail:
what begins to work is taken out of the table. Needs cargo, a C compiler and cmake (librdkafka).
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from run import CACHE, NEWEST, ROOT, Rehearsal

# Seconds that one test may take, and one that is expected to fail.
PATIENCE = 60
PATIENCE_FOR_FAILURE = 12
AT_ONCE = 6

BROKER_0 = "asks for a broker with id 0; ours begin with 1"
TRANSACTIONS = "needs transactions, which are not served yet"


class Suite:
    def __init__(self, version, tests, environment, serve, fails, newer=()):
        self.version, self.tests, self.environment, self.serve, self.fails, self.newer = version, tests, environment, serve, fails, newer


SUITES = {
    # What rskafka's produce_consume tests do with the Java client is switched off by the suite itself without
    # TEST_JAVA_INTEROPT; a test that is switched off passes.
    "rskafka": Suite(
        "0.6.0", ["client", "consumer", "producer", "produce_consume"],
        lambda bootstrap: {"TEST_INTEGRATION": "1", "TEST_BROKER_IMPL": "kafka", "KAFKA_CONNECT": bootstrap},
        # As the suite's own docker-compose-kafka.yml has it.
        ["--brokers", "3", "--port", "0", "--broker-config", "auto.create.topics.enable=false"],
        {},
        # The one that is locked is no longer accepted by the compiler.
        newer=[("rsasl", "2.3.1")]),
    "rdkafka": Suite(
        "0.39.0",
        ["test_admin", "test_high_consumers", "test_high_producers", "test_low_consumers", "test_low_producers", "test_metadata",
         "test_topic_partition_list", "test_transactions"],
        lambda bootstrap: {"KAFKA_HOST": bootstrap},
        # As the suite's own docker-compose.yaml has it. Some tests have the port in them.
        ["--brokers", "1", "--port", "9092", "--broker-config", "num.partitions=3"],
        {
            "test_transactions::test_transaction_abort": TRANSACTIONS,
            "test_transactions::test_transaction_commit": TRANSACTIONS,
            "test_admin::test_configs": BROKER_0,
            "test_admin::test_topics": BROKER_0,
            "test_metadata::test_metadata": BROKER_0,
            "test_low_producers::test_base_producer_timeout":
                "expects that a topic takes longer than 100 ms to be created; here it is there at once",
        }),
}


def unpacked(name, suite):
    """Returns the folder with the published crate, which cargo has fetched."""
    version = suite.version
    folder = CACHE / "suites" / f"{name}-{version}"
    if folder.exists():
        return folder
    fetcher = CACHE / "suites" / f"fetch-{name}"
    (fetcher / "src").mkdir(parents=True, exist_ok=True)
    (fetcher / "src" / "lib.rs").write_text("")
    (fetcher / "Cargo.toml").write_text(
        f'[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[dependencies]\n{name} = "={version}"\n')
    metadata = subprocess.run(["cargo", "metadata", "--format-version", "1", "--manifest-path", fetcher / "Cargo.toml"],
                              check=True, stdout=subprocess.PIPE)
    package = next(p for p in json.loads(metadata.stdout)["packages"] if p["name"] == name)
    parts = folder.with_suffix(".part")
    shutil.rmtree(parts, ignore_errors=True)
    shutil.copytree(pathlib.Path(package["manifest_path"]).parent, parts)
    # The suite's own choice of a compiler is not what is looked at here.
    (parts / "rust-toolchain.toml").unlink(missing_ok=True)
    with open(parts / "Cargo.toml", "a") as manifest:
        manifest.write("\n[workspace]\n")
    for crate, newer in suite.newer:
        subprocess.run(["cargo", "update", "-q", "-p", crate, "--precise", newer], cwd=parts, check=True)
    parts.rename(folder)
    return folder


def executables(suite, folder):
    """Builds the tests; returns the program of each file of tests."""
    command = ["cargo", "test", "-q", "--no-run", "--message-format=json", *(f"--test={test}" for test in suite.tests)]
    # Without what only a debugger reads, of which there would be two gigabytes.
    environment = {**os.environ, "CARGO_TARGET_DIR": str(CACHE / "suites" / "target"), "CARGO_PROFILE_DEV_DEBUG": "0"}
    built = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True)
    messages = (json.loads(line) for line in built.stdout.splitlines() if line.startswith(b"{"))
    return {m["target"]["name"]: m["executable"] for m in messages if m.get("executable") and "test" in m["target"]["kind"]}


def tests_of(program):
    """The tests in a program, those left out that the suite itself ignores."""
    def listed(*options):
        output = subprocess.run([program, "--list", *options], stdout=subprocess.PIPE, check=True, text=True).stdout
        return [line.removesuffix(": test") for line in output.splitlines() if line.endswith(": test")]
    ignored = listed("--ignored")
    return [test for test in listed() if test not in ignored]


def outcome(program, test, folder, environment, patience):
    """Runs one test by itself, as one that waits forever must not hold up the others; returns what it printed if it fails."""
    try:
        run = subprocess.run([program, "--exact", test, "--nocapture"], cwd=folder, env=environment, timeout=patience,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired as late:
        return f"did not end within {patience} s\n{(late.stdout or b'').decode(errors='replace')}"
    return None if run.returncode == 0 else run.stdout.decode(errors="replace")


def run(name, suite, binary):
    folder = unpacked(name, suite)
    programs = executables(suite, folder)
    started = time.monotonic()
    cluster = Rehearsal(binary, NEWEST)
    cluster.command = [binary, "serve", "--json", *suite.serve]
    with cluster as bootstrap, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        environment = {**os.environ, "RUST_LOG": "off", **suite.environment(bootstrap)}
        running = {}
        for file, program in programs.items():
            for test in tests_of(program):
                title = f"{file}::{test}"
                patience = PATIENCE_FOR_FAILURE if title in suite.fails else PATIENCE
                running[title] = pool.submit(outcome, program, test, folder, environment, patience)
        failed = {title: future.result() for title, future in running.items() if future.result() is not None}
    log = CACHE / "suites" / f"{name}.log"
    log.write_text("".join(f"==== {title}\n{output}\n" for title, output in failed.items()))
    surprises = [f"{title} fails" for title in failed if title not in suite.fails]
    surprises += [f"{title} passes, but is in the table of those that fail" for title in running if title in suite.fails and title not in failed]
    surprises += [f"{title} is in the table, but there is no such test" for title in suite.fails if title not in running]
    print(f"{name} {suite.version}: {len(running) - len(failed)} tests pass, {len(failed)} fail, in {time.monotonic() - started:.0f} s (see {log})")
    for surprise in surprises:
        print(f"  {surprise}")
    return len(surprises)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--rehearsal", default=str(ROOT / "target" / "debug" / "rehearsal"))
    options = parser.parse_args()
    surprises = 0
    for name in options.suites or SUITES:
        suite = SUITES[name]
        if options.list:
            print(f"{name} {suite.version}: {', '.join(suite.tests)}")
            for test, reason in suite.fails.items():
                print(f"  {test} fails: {reason}")
            continue
        surprises += run(name, suite, options.rehearsal)
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
