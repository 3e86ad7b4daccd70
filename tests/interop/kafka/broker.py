#!/usr/bin/env python3
"""Starts and stops a real Apache Kafka on loopback, from its Maven artifacts.

    broker.py start [--brokers N] [--dir DIR]   prints {"bootstrap_servers": ..., "dir": ...} when it serves
    broker.py stop DIR                          stops it and removes DIR

Needs Java 17 and Maven. The jars go to tests/interop/cache, which git ignores.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CLUSTER_ID = "cmVoZWFyc2FsLXRlc3QtMQ"
# Replicated state of one small cluster: few partitions and one replica, so that it starts fast.
SETTINGS = """
process.roles=broker,controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
offsets.topic.num.partitions=4
offsets.topic.replication.factor={internal_rf}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={internal_rf}
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor={internal_rf}
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=8388608
"""


def version():
    return re.search(r"<kafka.version>(.*?)<", (HERE / "pom.xml").read_text()).group(1)


def jars():
    """Returns the folder with Kafka's jars, and fills it the first time."""
    folder = HERE.parent / "cache" / f"kafka-{version()}"
    copy_jars(HERE / "pom.xml", folder)
    return folder


def copy_jars(pom, folder):
    """Lets Maven put the jars that `pom` names into `folder`, unless that was done before."""
    if not (folder / "complete").exists():
        subprocess.run(
            ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies",
             f"-DoutputDirectory={folder}", "-DincludeScope=runtime"],
            check=True, stdout=sys.stderr)
        (folder / "complete").touch()


def free_ports(count):
    """Returns ports that were free a moment ago; all are held until the last is known, so they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def java(*arguments, heap="512m"):
    quiet = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
    tuned = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
    return ["java", f"-Xmx{heap}", *tuned, *quiet, "-cp", f"{jars()}/*", *arguments]


def start(brokers, folder):
    folder.mkdir(parents=True, exist_ok=True)
    ports = free_ports(2 * brokers)
    client_ports, controller_ports = ports[:brokers], ports[brokers:]
    voters = ",".join(f"{n + 1}@127.0.0.1:{port}" for n, port in enumerate(controller_ports))
    formats, servers = [], []
    for n in range(brokers):
        node = folder / str(n + 1)
        node.mkdir()
        properties = node / "server.properties"
        listeners = f"PLAINTEXT://127.0.0.1:{client_ports[n]},CONTROLLER://127.0.0.1:{controller_ports[n]}"
        properties.write_text(
            SETTINGS.format(internal_rf=min(3, brokers)) + f"node.id={n + 1}\nlisteners={listeners}\n"
            f"controller.quorum.voters={voters}\nlog.dirs={node / 'data'}\nbroker.rack=rack-{n + 1}\n")
        formats.append(subprocess.Popen(
            java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)), stdout=subprocess.DEVNULL))
    if any(process.wait() for process in formats):
        raise SystemExit("the storage could not be formatted")
    for n in range(brokers):
        node = folder / str(n + 1)
        with open(node / "log", "wb") as log:
            servers.append(subprocess.Popen(java("kafka.Kafka", str(node / "server.properties")), stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, start_new_session=True))
    (folder / "pids").write_text("\n".join(str(s.pid) for s in servers))
    bootstrap = ",".join(f"127.0.0.1:{port}" for port in client_ports)
    deadline = time.monotonic() + 120
    while not all(accepts(port) for port in client_ports):
        # One that has ended keeps the others waiting for it, so it is the one to name.
        ended = [n for n, server in enumerate(servers) if server.poll() is not None]
        if ended or time.monotonic() > deadline:
            first = ended[0] if ended else 0
            words = (folder / str(first + 1) / "log").read_text()[-4000:]
            stop(folder)
            raise SystemExit(f"broker {first + 1} does not serve:\n{words}")
        time.sleep(0.1)
    return bootstrap


def accepts(port):
    """Says whether the broker answers an ApiVersions request; it listens a while before it does."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
            s.sendall(bytes.fromhex("0000000a" "0012" "0000" "00000001" "ffff"))
            return len(s.recv(4)) == 4
    except OSError:
        return False


def stop(folder):
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            for pid in filter(alive, pids):
                os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


def alive(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("start")
    starting.add_argument("--brokers", type=int, default=1)
    starting.add_argument("--dir", type=pathlib.Path)
    stopping = commands.add_parser("stop")
    stopping.add_argument("dir", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.command == "stop":
        return stop(arguments.dir)
    folder = arguments.dir or pathlib.Path(tempfile.mkdtemp(prefix="kafka-"))
    print(json.dumps({"bootstrap_servers": start(arguments.brokers, folder), "dir": str(folder)}))


if __name__ == "__main__":
    main()
