package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/codenotary/immudb/pkg/api/schema"
	immu "github.com/codenotary/immudb/pkg/client"
	"golang.org/x/sync/errgroup"
)

const (
	immudbBatch   = 1000 // entries of a transaction: the most that its server takes by default is 1,024
	immudbClients = 8
)

// immudb sets keys in transactions of many. Each is answered with the new root,
// after it is durable.
func immudb(ctx context.Context, l load) (int64, error) {
	host, port, err := net.SplitHostPort(l.where)
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return 0, fmt.Errorf("port %q: %w", port, err)
	}
	var sent atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	until := time.Now().Add(l.duration)
	for worker := range immudbClients {
		group.Go(func() error {
			client := immu.NewClient().WithOptions(immu.DefaultOptions().WithAddress(host).WithPort(number).WithDir(l.web))
			if err := client.OpenSession(ctx, []byte("immudb"), []byte("immudb"), "defaultdb"); err != nil {
				return err
			}
			for n := 0; time.Now().Before(until); n += immudbBatch {
				if _, err := client.SetAll(ctx, entries(worker, n, l.size)); err != nil {
					return err
				}
				sent.Add(immudbBatch)
			}
			return client.CloseSession(ctx)
		})
	}
	err = group.Wait()
	return sent.Load(), err
}

// entries are those of one transaction, under keys of their own.
func entries(worker, from, size int) *schema.SetRequest {
	req := &schema.SetRequest{}
	for i := range immudbBatch {
		key := binary.BigEndian.AppendUint64(nil, uint64(worker))
		value := make([]byte, size)
		rand.Read(value) // never fails: the program ends if it does
		req.KVs = append(req.KVs, &schema.KeyValue{Key: binary.BigEndian.AppendUint64(key, uint64(from+i)), Value: value})
	}
	return req
}
