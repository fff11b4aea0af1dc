package evident

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config says what to run.
type Config struct {
	// Program is the file to run, Data the folder that it owns, Address where it
	// listens.
	Program, Data, Address string
	// Flags are what else it is told.
	Flags []string
	// Within is a command that becomes the program, which is added to its
	// arguments.
	Within []string
}

// Server is `evident serve` on one folder and one port, started and killed
// again and again. Its methods are called one after the other.
type Server struct {
	Config

	cmd *exec.Cmd
	log *bytes.Buffer // of the present run
}

// Build compiles the command of the main module into dir and returns the file.
// It is called in a folder right below the interop module's.
func Build(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "evident")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/evident")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build evident: %w\n%s", err, out)
	}
	return program, nil
}

// FreeAddress finds a port that the server can keep over all its starts.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Start starts the server and does not wait until it is ready.
func (s *Server) Start() error {
	s.log = new(bytes.Buffer)
	words := slices.Concat(s.Within,
		[]string{s.Program, "serve", "--data", s.Data, "--listen-kafka", s.Address, "--listen-http", "none"}, s.Flags)
	s.cmd = exec.Command(words[0], words[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	return s.cmd.Start()
}

// Up starts the server and waits until it answers, half a minute at most.
func (s *Server) Up(ctx context.Context) error {
	if err := s.Start(); err != nil {
		return err
	}
	if err := s.waitReady(ctx); err != nil {
		_ = s.Kill() // for its log; it may have ended
		return fmt.Errorf("%w\n%s", err, s.Logged())
	}
	return nil
}

// Crash kills the server and starts it again; every fourth time it is killed
// once more while it starts, so that recovery itself is cut short.
func (s *Server) Crash(ctx context.Context, rng *rand.Rand) error {
	if err := s.Kill(); err != nil {
		return err
	}
	if rng.IntN(4) == 0 {
		if err := s.Start(); err != nil {
			return err
		}
		time.Sleep(time.Duration(rng.Int64N(int64(60 * time.Millisecond))))
		if err := s.Kill(); err != nil {
			return err
		}
	}
	return s.Up(ctx)
}

// Kill ends the server at once and waits until it is gone. That it had ended
// by itself is an error.
func (s *Server) Kill() error {
	killed := s.cmd.Process.Kill()
	ended := s.cmd.Wait()
	var exit *exec.ExitError
	if killed != nil || !errors.As(ended, &exit) || exit.Exited() {
		return fmt.Errorf("server ended by itself: %w\n%s", errors.Join(killed, ended), s.Logged())
	}
	return nil
}

// Pid is the process id of the running server.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Signal sends the running server a signal.
func (s *Server) Signal(sig os.Signal) error { return s.cmd.Process.Signal(sig) }

// Logged is what a run that has ended said last.
func (s *Server) Logged() []byte {
	b := s.log.Bytes()
	return b[max(len(b)-4096, 0):]
}

// waitReady waits until the server answers, half a minute at most.
func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.Address), kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }))
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
