// Serves kfake, the fake cluster of franz-go, until its standard input ends.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	brokers := flag.Int("brokers", 1, "how many brokers")
	topic := flag.String("topic", "t", "the one topic")
	partitions := flag.Int("partitions", 1, "its partitions")
	flag.Parse()
	started := time.Now()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(*brokers), kfake.SeedTopics(int32(*partitions), *topic))
	if err != nil {
		panic(err)
	}
	defer cluster.Close()
	ready := map[string]any{
		"bootstrap_servers": strings.Join(cluster.ListenAddrs(), ","),
		"start_ms":          float64(time.Since(started).Nanoseconds()) / 1e6,
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		panic(err)
	}
	io.Copy(io.Discard, os.Stdin)
}
