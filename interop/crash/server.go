package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// server is `evident serve` on one folder and one port, started and killed
// again and again.
type server struct {
	program, data, address string

	cmd *exec.Cmd
	log *bytes.Buffer // of the present run
}

// build compiles the command of the main module, two folders up, into dir.
func build(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "evident")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/evident")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build evident: %w\n%s", err, out)
	}
	return program, nil
}

// freeAddress finds a port that the server can keep over all its starts.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *server) start() error {
	s.log = new(bytes.Buffer)
	s.cmd = exec.Command(s.program, "serve", "--data", s.data, "--listen-kafka", s.address, "--listen-http", "none")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	return s.cmd.Start()
}

// kill ends the server at once and waits until it is gone. That it had ended
// by itself is an error.
func (s *server) kill() error {
	killed := s.cmd.Process.Kill()
	ended := s.cmd.Wait()
	var exit *exec.ExitError
	if killed != nil || !errors.As(ended, &exit) || exit.Exited() {
		return fmt.Errorf("server ended by itself: %w\n%s", errors.Join(killed, ended), s.logged())
	}
	return nil
}

// logged is what a run that has ended said last.
func (s *server) logged() []byte {
	b := s.log.Bytes()
	return b[max(len(b)-4096, 0):]
}

// waitReady waits until the server answers.
func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.address), kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }))
	if err != nil {
		return err
	}
	defer cl.Close()
	for {
		if err = cl.Ping(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("server is not ready: %w", errors.Join(err, os.ErrDeadlineExceeded))
		case <-time.After(5 * time.Millisecond):
		}
	}
}
