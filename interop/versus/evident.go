package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const partitions = 10

// evident produces records to a node, until all are in a checkpoint of the ledger.
func evident(ctx context.Context, l load) (int64, error) {
	topic := fmt.Sprintf("versus-%d", l.size)
	cl, err := kgo.NewClient(kgo.SeedBrokers(l.where), kgo.DefaultProduceTopic(topic), kgo.MaxBufferedRecords(100_000),
		kgo.ProducerLinger(5*time.Millisecond), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordPartitioner(kgo.UniformBytesPartitioner(500_000, true, true, nil)))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		return 0, err
	}
	var failed atomic.Pointer[error]
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	}
	values := make([]byte, l.size+1<<20)
	rand.Read(values) // never fails: the program ends if it does
	n := int64(0)
	for begin := time.Now(); time.Since(begin) < l.duration; n++ {
		at := int(n) & (1<<20 - 1)
		cl.Produce(ctx, &kgo.Record{Value: values[at : at+l.size]}, done)
	}
	if err := cl.Flush(ctx); err != nil {
		return n, err
	}
	if err := failed.Load(); err != nil {
		return n, *err
	}
	return n, waitProvable(ctx, l.web, topic, n)
}

// waitProvable waits until the heads of a topic's trees have so many records.
func waitProvable(ctx context.Context, web, topic string, n int64) error {
	for {
		var have int64
		for p := range partitions {
			size, err := headSize(ctx, fmt.Sprintf("http://%s/ledger/topics/%s/%d/checkpoint", web, topic, p))
			if err != nil {
				return err
			}
			have += size
		}
		if have >= n {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// headSize is the second line of a checkpoint, 0 if there is none yet.
func headSize(ctx context.Context, url string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	lines := strings.Split(string(body), "\n")
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return 0, nil
	case err != nil || resp.StatusCode != http.StatusOK || len(lines) < 2:
		return 0, errors.Join(err, fmt.Errorf("%s: %s", url, resp.Status))
	}
	return strconv.ParseInt(lines[1], 10, 64)
}
