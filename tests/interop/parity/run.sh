#!/bin/sh
# Fetches Kafka's client jars, takes the message definitions out of them and compares our tables with these.
# Needs mvn, and unzip or a JDK's jar. Prints the differences and ends with 1 if there are any.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache="$here/../cache"
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
definitions=""
# The newest release counts for every version it has; older ones for those it has dropped.
for release in 4.2.0 4.0.0 3.9.1; do
    jar="$cache/kafka-clients-$release.jar"
    if [ ! -f "$jar" ]; then
        mvn -q -B dependency:copy -Dartifact="org.apache.kafka:kafka-clients:$release" -DoutputDirectory="$cache"
    fi
    directory="$cache/definitions-$release"
    if [ ! -d "$directory/common/message" ]; then
        mkdir -p "$directory"
        if command -v unzip >/dev/null; then
            unzip -q -o "$jar" 'common/message/*.json' -d "$directory"
        else
            (cd "$directory" && jar xf "$jar" common/message)
        fi
    fi
    definitions="$definitions $directory/common/message"
done
cd "$here"
# shellcheck disable=SC2086 # one argument per release
cargo run -q -- $definitions
