package bank

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker/banktest"
	"github.com/evidentlog/evident/interop/evident"
)

const (
	// room is what the node's disk has, in bytes.
	room = 64 << 20
	// fills is how often it is filled up.
	fills = 3
)

// Transactions wait while the disk is full, clients hear what is wrong, and
// nothing is made or lost.
func TestMoneyIsNeitherMadeNorLostWhileTheDiskIsFull(t *testing.T) {
	if os.Getenv(variable) != "" {
		t.Skipf("%s names a peer, whose disk is its own", variable)
	}
	d := newDisk(t)
	s := &saboteur{wait: func() time.Duration { return time.Second }, strike: d.strike, left: fills}
	run(t, s, banktest.Config{Name: "bank", Life: 2 * time.Second, Static: true, Orders: 100, Seed: moments(t)}, d.server.Address)
}

// disk is a small one, which only a node sees.
type disk struct {
	t      *testing.T
	server *evident.Server
	folder string // the node's, as others see it
	probe  *kgo.Client
}

// newDisk starts a node on a small disk of its own.
func newDisk(t *testing.T) *disk {
	t.Helper()
	folder := t.TempDir()
	mount := []string{"unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
		fmt.Sprintf(`mount -t tmpfs -o size=%d tmpfs "$0" && exec "$@"`, room), folder}
	if out, err := exec.Command(mount[0], append(mount[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("nobody may mount a small disk here: %v\n%s", err, out)
	}
	s := evident.ForTest(t, evident.Config{Program: *prebuilt, Data: filepath.Join(folder, "data"), Flags: pace, Within: mount})
	probe, err := kgo.NewClient(kgo.SeedBrokers(s.Address), kgo.DefaultProduceTopic("probe"), kgo.AllowAutoTopicCreation(),
		kgo.DisableIdempotentWrite(), kgo.RecordRetries(0), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(probe.Close)
	return &disk{t: t, server: s, folder: fmt.Sprintf("/proc/%d/root%s", s.Pid(), folder), probe: probe}
}

// strike fills the disk until the node says so, and a while longer.
func (d *disk) strike(ctx context.Context) error {
	filler := filepath.Join(d.folder, "filler")
	full := func() error { return fillUp(filler) }
	if err := d.until(ctx, kerr.KafkaStorageError, full); err != nil {
		return err
	}
	d.t.Log("the disk is full")
	time.Sleep(time.Second) // while the load runs into it
	if err := os.Remove(filler); err != nil {
		return err
	}
	return d.until(ctx, nil, func() error { return nil })
}

// until writes large records, each after before, until want is the outcome.
func (d *disk) until(ctx context.Context, want error, before func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if err := before(); err != nil {
			return err
		}
		err := d.probe.ProduceSync(ctx, kgo.SliceRecord(make([]byte, 64<<10))).FirstErr()
		switch {
		case errors.Is(err, want):
			return nil
		case err != nil && !errors.Is(err, kerr.KafkaStorageError):
			return fmt.Errorf("a record while the disk is filled, and after: %w", err)
		}
		time.Sleep(pulse / 10)
	}
}

// fillUp takes what room there is.
func fillUp(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, zeros{}, room)
	if closed := f.Close(); !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(fmt.Errorf("the disk has room for a file of %d bytes: %w", room, err), closed)
	}
	return nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
