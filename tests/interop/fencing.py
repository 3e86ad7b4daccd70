#!/usr/bin/env python3
"""Lets our transactional producer, librdkafka's and Kafka's own fence each other, on our cluster.

    fencing.py             on our own cluster, with both transaction versions
    fencing.py ADDRESS     on a cluster that is already there

The test itself is tests/it/fencing.rs; this prepares the other clients and says where they are.
"""

import os
import subprocess
import sys

import run

commands = {"FENCING_LIBRDKAFKA": run.python("fencing_peer.py"),
            "FENCING_JAVA": [*run.java()[:-1], run.HERE / "java" / "FencingPeer.java"]}
environment = {**os.environ, **{name: "\n".join(map(str, command)) for name, command in commands.items()}}
if len(sys.argv) > 1:
    environment["KAFKA_BOOTSTRAP"] = sys.argv[1]
test = ["cargo", "test", "--locked", "--test", "it", "fencing::", "--", "--ignored", "--nocapture"]
sys.exit(subprocess.run(test, cwd=run.ROOT, env=environment).returncode)
