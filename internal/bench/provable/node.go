package provable

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/bench"
)

// A child is a node in a process of its own.
type child struct {
	cmd         *exec.Cmd
	kafka, http string // host:port
	drained     chan struct{}
}

// ready finds the addresses in the line that a node logs when it is ready.
var ready = regexp.MustCompile(`\bready\b.*\bkafka=(\S+).*\bhttp=(\S+)`)

// startChild starts a node on a folder, with the ledger on or off.
func startChild(ctx context.Context, program, dir, ledger string) (*child, error) {
	c := &child{drained: make(chan struct{})}
	c.cmd = exec.CommandContext(ctx, program, "serve", "--data", dir, "--ledger", ledger,
		"--listen-kafka", "127.0.0.1:0", "--listen-http", "127.0.0.1:0")
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	out, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a node: %w", err)
	}
	lines := bufio.NewScanner(out)
	var said []string
	for c.kafka == "" && lines.Scan() {
		said = append(said, lines.Text())
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			c.kafka, c.http = m[1], m[2]
		}
	}
	go func() { // stop waits for it
		defer close(c.drained)
		_, _ = io.Copy(io.Discard, out) // it ends with the node
	}()
	if c.kafka == "" {
		return nil, errors.Join(fmt.Errorf("the node did not become ready: %s", strings.Join(said, "\n")), c.stop())
	}
	return c, nil
}

// target is the node as a broker that can be measured.
func (c *child) target() bench.Target {
	return bench.Target{Client: []kgo.Opt{kgo.SeedBrokers(c.kafka)}, CPU: bench.ProcessCPU(c.cmd.Process.Pid)}
}

// stop ends the node, and waits for it.
func (c *child) stop() error {
	err := c.cmd.Process.Signal(syscall.SIGTERM)
	<-c.drained
	return errors.Join(err, c.cmd.Wait())
}

// ends is how many offsets all partitions of a topic have.
func ends(ctx context.Context, adm *kadm.Client, topic string) (n int64, err error) {
	offsets, err := adm.ListEndOffsets(ctx, topic)
	if err == nil {
		err = offsets.Error()
	}
	offsets.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n, err
}

// covered is how many of them the ledger's newest heads have.
func (c *child) covered(ctx context.Context, topic string, partitions int32) (n int64, err error) {
	for p := range partitions {
		size, err := c.headSize(ctx, fmt.Sprintf("http://%s/ledger/topics/%s/%d/checkpoint", c.http, topic, p))
		if err != nil {
			return 0, err
		}
		n += size
	}
	return n, nil
}

// headSize is the second line of a checkpoint; 0 if there is none yet.
func (c *child) headSize(ctx context.Context, url string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return 0, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	lines := strings.Split(string(body), "\n")
	if err != nil || resp.StatusCode != http.StatusOK || len(lines) < 2 {
		return 0, errors.Join(err, fmt.Errorf("%s: %s", url, resp.Status))
	}
	return strconv.ParseInt(lines[1], 10, 64)
}

// catchUp waits until the ledger has all of a topic, and tells how long it took.
func (c *child) catchUp(ctx context.Context, topic string, partitions int32, all int64) (time.Duration, error) {
	begin := time.Now()
	for {
		n, err := c.covered(ctx, topic, partitions)
		if err != nil || n >= all {
			return time.Since(begin), err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
