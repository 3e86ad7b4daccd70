#!/bin/sh
# Writes fixtures/frames again: frames from Kafka's own classes, with what Kafka's own JSON converters say of them.
# Needs mvn and a JDK. The newest release writes all versions it has; older ones add those that it has dropped.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache="$here/../../cache"
out="$here/../../../../fixtures/frames"
mkdir -p "$cache" "$out"
rm -f "$out"/*.jsonl
for release in 4.2.0 4.0.0 3.9.1; do
    jars="$cache/java-$release"
    if [ ! -d "$jars" ]; then
        mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -Dkafka.version="$release" -DoutputDirectory="$jars"
    fi
    classes="$here/target/$release"
    mkdir -p "$classes"
    javac -cp "$jars/*" -d "$classes" "$here/Frames.java"
    java -cp "$classes:$jars/*" Frames "$out" "$release"
done
