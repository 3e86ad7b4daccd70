module rehearsal/kfake

go 1.26.8

require github.com/twmb/franz-go/pkg/kfake v0.0.0-20260905045312-d70fc1b5b9f8

require (
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/pierrec/lz4/v4 v4.1.30 // indirect
	github.com/twmb/franz-go v1.21.7 // indirect
	github.com/twmb/franz-go/pkg/kmsg v1.14.0 // indirect
)
