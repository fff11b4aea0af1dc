package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/evidentlog/evident/internal/ledger/witness"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/vfs"
)

// Witness is "evident witness".
type Witness struct {
	// Name is the witness's in its cosignatures.
	Name string
	// Logs is the file that names the logs.
	Logs string
	// Data is the folder of the keys, and of what was cosigned.
	Data string
	// Listen is the address to listen on.
	Listen string
	// Interval is the shortest time between two cosignatures of a log.
	Interval time.Duration
}

// witnessPatience is how long requests may still take when the witness stops.
const witnessPatience = 2 * time.Second

// Run cosigns until ctx ends.
func (w Witness) Run(ctx context.Context, env tool.Env) (err error) {
	switch {
	case w.Name == "":
		return tool.Usagef("the witness needs a name that never changes, in the form of a URL without a scheme: --name witness.example.com/one")
	case w.Logs == "":
		return tool.Usagef("the witness needs a file with the verifier keys of the logs that it is to cosign, one on each line: --logs FILE")
	case w.Interval <= 0:
		return tool.Usagef("--interval %v: it must be longer than nothing", w.Interval)
	}
	if err := witness.CheckName(w.Name); err != nil {
		return tool.Usagef("--name: %v", err)
	}
	text, err := os.ReadFile(w.Logs)
	if err != nil {
		return tool.Usagef("--logs: %v", err)
	}
	logs, err := witness.ParseLogs(string(text))
	if err != nil {
		return tool.Usagef("--logs %s: %v", w.Logs, err)
	}
	logger := slog.New(slog.NewTextHandler(env.Err, nil))
	open, err := witness.Open(witness.Config{
		FS: vfs.OS(), Dir: w.Data, Name: w.Name, Logs: logs, Interval: w.Interval, Logger: logger,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	l, err := net.Listen("tcp", w.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	w.introduce(env, open, l, len(logs))
	return serveUntil(ctx, l, &http.Server{
		Handler: open.Handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	})
}

// introduce says what logs and verifiers have to know of the witness.
func (w Witness) introduce(env tool.Env, open *witness.Witness, l net.Listener, logs int) {
	for _, k := range open.Keys() {
		fmt.Fprintf(env.Out, "key        %s\n", k)
	}
	fmt.Fprintf(env.Out, "submission http://%s/\n", l.Addr())
	fmt.Fprintf(env.Out, "monitoring http://%s/\n", l.Addr())
	fmt.Fprintf(env.Err, "evident: witness %s cosigns %s; its keys and its memory are in %s: never start it with an older copy of that folder\n",
		w.Name, tool.Plural(logs, "log"), w.Data)
}

// serveUntil serves until ctx ends, and then lets requests come to their end.
func serveUntil(ctx context.Context, l net.Listener, srv *http.Server) error {
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), witnessPatience)
	defer cancel()
	err := srv.Shutdown(patience)
	if err != nil {
		err = srv.Close()
	}
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
