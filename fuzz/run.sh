#!/bin/sh
# Fuzzes every target for a while: run.sh [seconds per target, 30] [seed, 1].
set -eu
cd "$(dirname "$0")"
exec cargo run -q --release -- all --seconds "${1:-30}" --seed "${2:-1}"
