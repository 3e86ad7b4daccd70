#!/bin/sh
# Compares our codec with kafka-wire and kafka-protocol for a while: run.sh [seconds, 60] [seed, 1].
set -eu
cd "$(dirname "$0")"
exec cargo run -q --release -- --seconds "${1:-60}" --seed "${2:-1}"
