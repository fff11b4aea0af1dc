package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// discardChild is a running process that throws records away.
type discardChild struct {
	cmd     *exec.Cmd
	stdin   io.Closer // the child ends when this is closed
	address string
}

// startDiscard starts the command, to which the number of partitions is
// appended, as [RunDiscard] in a process of its own, so that its CPU is not
// the client's. Without a command it is this program, called with "bench
// discard".
func startDiscard(ctx context.Context, command []string, partitions int32) (*discardChild, error) {
	if len(command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		command = []string{self, "bench", "discard"}
	}
	args := append(command[1:len(command):len(command)], strconv.Itoa(int(partitions)))
	cmd := exec.CommandContext(ctx, command[0], args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the discarding server: %w", err)
	}
	c := &discardChild{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("discarding server gave no address: %w", err), c.stop())
	}
	c.address = strings.TrimSpace(line)
	return c, nil
}

// target is the child as a broker that can be measured.
func (c *discardChild) target(ctx context.Context) Target {
	return Target{
		Client: []kgo.Opt{kgo.SeedBrokers(c.address)},
		CPU:    BrokerCPU(ctx, "", c.cmd.Process.Pid),
	}
}

// stop ends the child and waits for it.
func (c *discardChild) stop() error {
	return errors.Join(c.stdin.Close(), c.cmd.Wait())
}
