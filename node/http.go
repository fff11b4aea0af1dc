package node

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/evidentlog/evident/internal/schema/registry/rest"
)

// httpPatience is how long requests may still take when the node stops.
const httpPatience = 2 * time.Second

// serveHTTP serves h on l until ctx ends.
func (n *Node) serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: n.errorLog(),
	}
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpPatience)
		defer cancel()
		stopped <- srv.Shutdown(patience)
	})()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("listener on %s: %w", l.Addr(), err)
	}
	if err := <-stopped; err != nil {
		return errors.Join(err, srv.Close())
	}
	return nil
}

func (n *Node) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", n.ready)
	if n.ledger != nil {
		mux.Handle("GET /ledger/", n.ledger.Handler())
		mux.HandleFunc("GET /v1/topics/{topic}/partitions/{partition}/records/{offset}/proof", n.reads(n.ledger.serveProof))
		mux.HandleFunc("GET /v1/topics/{topic}/partitions/{partition}/salts", n.reads(n.ledger.serveSalts))
		n.handleSearches(mux)
		n.handleErasures(mux)
		n.handleRebuilds(mux)
	}
	n.resources.api.Handle(mux)
	n.processors.api.Handle(mux)
	mux.Handle(rest.Prefix+"/", http.StripPrefix(rest.Prefix, n.schemas.handler))
	if n.claims != nil {
		n.claims.Handle(mux)
	}
	if n.gateway != nil {
		n.gateway.events.Handle(mux)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.cfg.Metrics, promhttp.HandlerOpts{ErrorLog: n.errorLog()}))
	return mux
}

// errorLog is the node's log for packages that want one of the standard library.
func (n *Node) errorLog() *log.Logger {
	return slog.NewLogLogger(n.cfg.Logger.Handler(), slog.LevelWarn)
}

// ready answers 200 if every partition takes appends, or on somebody else's
// cluster if that answers, the ledger has not stopped and is not too far behind,
// and its witnesses have seen no other history; else 503 with the reasons.
func (n *Node) ready(w http.ResponseWriter, _ *http.Request) {
	var stopped []error
	if n.log != nil {
		stopped = n.log.Stopped()
	} else if err := n.engine.Health(); err != nil {
		stopped = []error{err}
	}
	stopped = append(stopped, n.ledgerTrouble()...)
	if len(stopped) == 0 {
		fmt.Fprintln(w, "ok")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, err := range stopped {
		fmt.Fprintln(w, err)
	}
}
