package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/evidentlog/evident/internal/ledger/monitor"
	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/vfs"
)

// Monitor is "evident monitor".
type Monitor struct {
	// Keys and Policy are as in [Verify]; without them the first keys are believed.
	Keys   []string
	Policy string
	// State is the folder of what was seen.
	State string
	// Interval, StalledAfter, Growing, FromNow and RootOnly are those of the monitor.
	Interval, StalledAfter     time.Duration
	Growing, FromNow, RootOnly bool
	// Once makes one round.
	Once bool
	// AlarmURL and AlarmTopic are where alarms go besides standard output.
	AlarmURL, AlarmTopic string
	// Listen is the address of metrics, none if empty.
	Listen string
}

// Run follows the deployment at a URL until ctx ends or there is an alarm.
func (m Monitor) Run(ctx context.Context, env tool.Env, url string) (err error) {
	site, err := remote.NewSite(url, remote.Config{})
	if err != nil {
		return &tool.UsageError{Err: err}
	}
	trust, err := readTrust(m.Keys, m.Policy)
	if err != nil {
		return err
	}
	if m.RootOnly && len(trust.Keys) == 0 && (trust.Policy == nil || len(trust.Policy.Logs) == 0) {
		return tool.Usagef("--root-only needs the log's key: give it with --vkey, or with --policy")
	}
	out, err := m.outlet(ctx, env)
	if err != nil {
		return err
	}
	defer out.close()
	registry := prometheus.NewRegistry()
	watch, err := monitor.Open(monitor.Config{
		Site: site, RootOnly: m.RootOnly, FS: vfs.OS(), Dir: m.State, Keys: trust.Keys, Policy: trust.Policy,
		FromNow: m.FromNow, Interval: m.Interval, StalledAfter: m.StalledAfter, Growing: m.Growing,
		Raise: out.raise, Notice: func(text string) { fmt.Fprintf(env.Err, "evident: %s\n", text) },
		Logger: slog.New(slog.NewTextHandler(env.Err, nil)), Metrics: registry,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, watch.Close()) }()
	if m.Once {
		return watch.Once(ctx)
	}
	stop, err := m.serveMetrics(env, registry)
	if err != nil {
		return err
	}
	defer stop()
	return watch.Run(ctx)
}

// serveMetrics serves metrics until stop is called.
func (m Monitor) serveMetrics(env tool.Env, registry *prometheus.Registry) (stop func(), err error) {
	if m.Listen == "" {
		return func() {}, nil
	}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	l, err := net.Listen("tcp", m.Listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	fmt.Fprintf(env.Err, "evident: metrics are at http://%s/metrics\n", l.Addr())
	return func() {
		_ = srv.Close() // who reads metrics asks again
		<-ended
	}, nil
}
