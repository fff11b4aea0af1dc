package main

import (
	"fmt"
	"net"

	"github.com/codenotary/immudb/pkg/server"
)

// serveImmudb runs immudb's server, in a process of its own, with its defaults
// (synced among them) but on a free port and without its other doors. It prints
// the port, and ends when the process is told to.
func serveImmudb(dir string) error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		return err
	}
	s := server.DefaultServer().WithOptions(server.DefaultOptions().WithDir(dir).WithLogfile("immudb.log").
		WithAddress("127.0.0.1").WithPort(port).WithMetricsServer(false).WithWebServer(false).WithPgsqlServer(false))
	if err := s.Initialize(); err != nil {
		return err
	}
	fmt.Printf("ready 127.0.0.1:%d\n", port)
	return s.Start()
}
