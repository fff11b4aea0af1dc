package broker

import (
	"testing"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/vfs"
)

func TestNewRefusesNumbersThatNothingCouldBeDoneWith(t *testing.T) {
	l, err := log.Open(log.Config{FS: vfs.NewMem(), Dir: "/data"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, cfg := range map[string]Config{
		"no log":                                {},
		"partitions below one":                  {Log: l, DefaultPartitions: -1},
		"more partitions than a topic can have": {Log: l, DefaultPartitions: metadata.MaxPartitions + 1},
		"more partitions of offsets":            {Log: l, OffsetsPartitions: metadata.MaxPartitions + 1},
		"no room for a request":                 {Log: l, MaxRequestBytes: -1},
		"one window for quotas":                 {Log: l, QuotaWindows: 1},
	} {
		if b, err := New(cfg); err == nil {
			b.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}
