package serve_test

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool/serve"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// stopWhenReady stops a node as soon as its log says that it is ready.
type stopWhenReady struct {
	bytes.Buffer
	stop context.CancelFunc
}

func (s *stopWhenReady) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("msg=ready")) {
		defer s.stop()
	}
	return s.Buffer.Write(p)
}

func TestOneReadyLineHasAllAddresses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log := &stopWhenReady{stop: cancel}
	cfg := config.Node{Config: node.Config{
		Data: "/data", FS: vfs.NewMem(),
		Kafka: []node.Listener{{Name: "kafka", Address: "127.0.0.1:0"}, {Name: "inside", Address: "127.0.0.1:0"}},
		HTTP:  []node.Listener{{Name: "http", Address: "127.0.0.1:0"}},
	}}
	if err := serve.Run(ctx, cfg, nil, log); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`level=INFO msg=ready data=/data kafka.inside=127\.0\.0\.1:[1-9]\d* kafka=127\.0\.0\.1:[1-9]\d* http=127\.0\.0\.1:[1-9]\d*\n`)
	if got := log.String(); !want.MatchString(got) || strings.Count(got, "msg=ready") != 1 {
		t.Errorf("logged %q, want one line like %s", got, want)
	}
}
