package demonstrate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/demo"
)

// child is a node in a process of its own, which can be killed: what it has in memory is
// gone then, as after kill -9.
type child struct {
	demo   Demo
	data   string
	stderr io.Writer
	failed chan error // why the process ended by itself

	cmd   *exec.Cmd
	leash io.Closer     // closed, the process ends
	ended chan struct{} // closed when it has
	at    addresses
}

// addresses are where a node listens. A child writes them to its standard output when
// it accepts connections.
type addresses struct {
	Kafka string `json:"kafka"`
	HTTP  string `json:"http"`
}

// startChild starts the node of a run in which it is killed.
func (d Demo) startChild(ctx context.Context, stderr io.Writer, data string) (demo.Cluster, error) {
	c := &child{demo: d, data: data, stderr: stderr, failed: make(chan error, 1)}
	c.at = addresses{freeListener("kafka", d.Kafka).Address, freeListener("http", d.HTTP).Address}
	if err := c.start(ctx); err != nil {
		return demo.Cluster{}, err
	}
	return demo.Cluster{
		Options: []kgo.Opt{kgo.SeedBrokers(c.at.Kafka)},
		Kafka:   c.at.Kafka,
		HTTP:    c.at.HTTP,
		Kill:    c.kill,
		Failed:  c.failed,
		Stop:    c.stop,
	}, nil
}

// start starts the process and waits until it accepts connections, where it did before.
func (c *child) start(ctx context.Context) (err error) {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("this program: %w", err)
	}
	c.cmd = exec.Command(program, "demo", "node", "--data", c.data, "--listen-kafka", c.at.Kafka, "--listen-http", c.at.HTTP)
	c.cmd.Stderr = c.stderr
	leash, err := c.cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	c.leash, c.ended = leash, make(chan struct{})
	line := make(chan string, 1)
	go func() {
		defer close(c.ended)
		text, _ := bufio.NewReader(out).ReadString('\n') // without a line it has ended
		line <- text
		_, _ = io.Copy(io.Discard, out)
		_ = c.cmd.Wait() // how it ended, it says on standard error
	}()
	select {
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), c.stop())
	case text := <-line:
		if err := json.Unmarshal([]byte(text), &c.at); err != nil {
			return errors.Join(errors.New("the node's process did not say where it listens"), c.stop())
		}
	}
	return nil
}

// kill kills the process and starts it again on its data.
func (c *child) kill(ctx context.Context) error {
	if err := c.cmd.Process.Kill(); err != nil {
		return err
	}
	<-c.ended
	_ = c.leash.Close()
	return c.start(ctx)
}

// stop has the process end.
func (c *child) stop() error {
	err := c.leash.Close()
	<-c.ended
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
