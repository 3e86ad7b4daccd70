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
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from run import CACHE, NEWEST, ROOT, Rehearsal

PATIENCE = 900

GROUPS = "needs a consumer group, which is not served yet"
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
        ["--brokers", "3"],
        {},
        # The one that is locked is no longer accepted by the compiler.
        newer=[("rsasl", "2.3.1")]),
    "rdkafka": Suite(
        "0.39.0",
        ["test_admin", "test_high_consumers", "test_high_producers", "test_low_consumers", "test_low_producers", "test_metadata",
         "test_topic_partition_list", "test_transactions"],
        lambda bootstrap: {"KAFKA_HOST": bootstrap},
        # As the suite's own docker-compose.yaml has it.
        ["--brokers", "1", "--broker-config", "num.partitions=3"],
        {}),
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


def cargo_test(name, suite, folder, environment, *arguments):
    command = ["cargo", "test", "--no-fail-fast", *(f"--test={test}" for test in suite.tests), *arguments]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(CACHE / "suites" / "target"), "RUST_LOG": "off", **environment}
    return subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)


def verdicts(output):
    """Reads what cargo and its tests print: `<file>::<test>` to "ok", "FAILED" or "ignored"."""
    file, found = None, {}
    for line in output.splitlines():
        running = re.search(r"Running tests/(\w+)\.rs", line)
        file = running.group(1) if running else file
        verdict = re.match(r"test (\S+)(?: - should panic)? \.\.\. .*?\b(ok|FAILED|ignored)\b", line)
        if verdict:
            found[f"{file}::{verdict.group(1)}"] = verdict.group(2)
    return found


def run(name, suite, binary):
    folder = unpacked(name, suite)
    built = cargo_test(name, suite, folder, {}, "--no-run")
    if built.returncode != 0:
        print(f"{name} {suite.version} cannot be built:\n{built.stdout[-3000:]}")
        return 1
    started = time.monotonic()
    cluster = Rehearsal(binary, NEWEST)
    cluster.command = [binary, "serve", "--port", "0", "--json", *suite.serve]
    with cluster as bootstrap:
        output = cargo_test(name, suite, folder, suite.environment(bootstrap), "--", "--test-threads=4").stdout
    (CACHE / "suites" / f"{name}.log").write_text(output)
    found = verdicts(output)
    passed = [test for test, verdict in found.items() if verdict == "ok"]
    surprises = [(test, "fails") for test, verdict in found.items() if verdict == "FAILED" and test not in suite.fails]
    surprises += [(test, "passes, but is in the table of those that fail") for test in passed if test in suite.fails]
    surprises += [(test, "is in the table, but was not run") for test in suite.fails if test not in found]
    print(f"{name} {suite.version}: {len(passed)} tests passed, {len(suite.fails)} failed as expected, in {time.monotonic() - started:.0f} s")
    for test, what in surprises:
        print(f"  {test} {what}")
    if not found:
        print(output[-3000:])
    return len(surprises) + (not found)


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
