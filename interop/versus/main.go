package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// A load is what each ledger is given.
type load struct {
	size     int // bytes of an entry
	duration time.Duration
	where    string // a folder, or host:port
	web      string // host:port of the node's HTTP; a folder for immudb's client
	pid      int    // of the server; 0 for this process
}

// A result is what came of it, from the first entry until all were provable: by a
// checkpoint that was published, or an answer that has the new root.
type result struct {
	Entries          int64   `json:"entries"`
	Seconds          float64 `json:"seconds"`
	EntriesPerSecond float64 `json:"entries_per_second"`
	CPU              float64 `json:"cpu_us_per_entry"` // of the process that keeps the ledger
}

var ledgers = map[string]func(context.Context, load) (int64, error){
	"evident": evident, "immudb": immudb, "tessera": tesseraPOSIX,
}

func main() {
	var l load
	flag.IntVar(&l.size, "size", 100, "bytes of an entry")
	flag.DurationVar(&l.duration, "duration", 5*time.Second, "how long entries are sent")
	flag.StringVar(&l.where, "where", "", "folder (tessera, immudb-server) or host:port (evident, immudb)")
	flag.StringVar(&l.web, "http", "", "host:port of the node's HTTP (evident), folder for the client (immudb)")
	flag.IntVar(&l.pid, "pid", 0, "the server's process; 0 is this one")
	flag.Parse()
	if flag.Arg(0) == "immudb-server" {
		if err := serveImmudb(l.where); err != nil {
			fmt.Fprintln(os.Stderr, "versus:", err)
			os.Exit(1)
		}
		return
	}
	run := ledgers[flag.Arg(0)]
	if run == nil {
		fmt.Fprintln(os.Stderr, "usage: versus [flags] evident|immudb|immudb-server|tessera")
		os.Exit(2)
	}
	if err := measure(context.Background(), l, run); err != nil {
		fmt.Fprintln(os.Stderr, "versus:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, l load, run func(context.Context, load) (int64, error)) error {
	before, err := cpu(l.pid)
	if err != nil {
		return err
	}
	begin := time.Now()
	n, err := run(ctx, l)
	if err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	after, err := cpu(l.pid)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result{
		Entries: n, Seconds: took, EntriesPerSecond: float64(n) / took, CPU: float64((after - before).Microseconds()) / float64(n),
	})
}
