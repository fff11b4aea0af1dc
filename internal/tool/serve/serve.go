// Package serve is what "evident serve" does: it runs a node until it is told
// to stop, and logs where the node is.
package serve

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/resource/manifest"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/declare"
	"github.com/evidentlog/evident/node"
)

// Run runs a node until ctx ends, on which is declared what files say. It logs to stderr; when all listeners accept
// connections, one line says "ready" and where they are.
func Run(ctx context.Context, cfg config.Node, files []string, stderr io.Writer) error {
	documents, err := manifest.Load(files, nil)
	if err != nil {
		return &tool.UsageError{Err: err}
	}
	cfg.Config.Declarations = declare.Texts(documents)
	logger := cfg.Logger(stderr)
	cfg.Config.Logger = logger
	cfg.Config.Ready = func(a node.Addresses) {
		logger.LogAttrs(ctx, slog.LevelInfo, "ready", ready(cfg.Config, a)...)
	}
	return declare.Explain(node.Run(ctx, cfg.Config), documents)
}

// ready is what the ready line says: the folder, or the cluster that the node
// runs on, and every address that the node really listens on. A listener has the name of its protocol, and behind a
// dot its own if that differs: kafka=127.0.0.1:9092, kafka.inside=127.0.0.1:9093.
func ready(cfg node.Config, a node.Addresses) []slog.Attr {
	attrs := []slog.Attr{slog.String("data", cfg.Data)}
	if cfg.Cluster != nil {
		attrs = []slog.Attr{slog.String("cluster", strings.Join(cfg.Cluster.Brokers, ","))}
	}
	for _, p := range []struct {
		protocol  string
		addresses map[string]string
	}{{"kafka", a.Kafka}, {"http", a.HTTP}, {"registry", a.Registry}} {
		for _, name := range slices.Sorted(maps.Keys(p.addresses)) {
			key := p.protocol
			if name != p.protocol {
				key += "." + name
			}
			attrs = append(attrs, slog.String(key, p.addresses[name]))
		}
	}
	return attrs
}
