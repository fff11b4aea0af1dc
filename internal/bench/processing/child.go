package processing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/bench"
)

// A child is a process that runs processors, and a broker unless somebody else does.
// It is told what to do by one JSON value on its standard input, and answers each on
// its standard output.
type child struct {
	cmd  *exec.Cmd
	in   io.Closer
	to   *json.Encoder
	from *json.Decoder
	// brokers are where clients reach the cluster.
	brokers []string
	// broker is the process of a broker that is measured beside it; 0 if there is none.
	broker int
}

// setup is the first thing that a child is told.
type setup struct {
	// Dir is the folder for log and state.
	Dir string
	// Brokers are those of somebody else's cluster; none for an embedded one.
	Brokers []string
	// StateMemory is how many bytes the state may take in memory.
	StateMemory int64
}

// A request is each later one: to run a processor, or to tell what it did.
type request struct {
	// Run is the code that is to be run; nothing asks for an answer only.
	Run string
	job
}

// A job is what a processor is to do.
type job struct {
	Name, Input, Output string
	// Base is when the first timer is due, in milliseconds since 1970, and FireRate how
	// many are a second.
	Base     int64
	FireRate int
	// Calls is how many keys of the state a record reads and writes, or how many ids it
	// stands for.
	Calls int64
	// IDs is how many ids are remembered at most; 0 is the default of de-duplication.
	IDs int64
}

// An answer is what a child says to each.
type answer struct {
	// Error is what went wrong, if anything did.
	Error string
	// Brokers are where the cluster is reached.
	Brokers []string
	// Fired and Late are how many timers fired so far, and how late they were.
	Fired int64
	Late  bench.Latency
}

// startChild starts a child and waits until its broker serves.
func startChild(ctx context.Context, program []string, s setup) (*child, error) {
	c := &child{cmd: exec.CommandContext(ctx, program[0], program[1:]...)}
	c.cmd.Stderr = os.Stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a process for processors: %w", err)
	}
	c.in, c.to, c.from = stdin, json.NewEncoder(stdin), json.NewDecoder(stdout)
	a, err := c.say(s)
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	c.brokers = a.Brokers
	return c, nil
}

// say tells the child something and waits for its answer.
func (c *child) say(what any) (answer, error) {
	var a answer
	if err := c.to.Encode(what); err != nil {
		return a, fmt.Errorf("the process for processors listens no more: %w", err)
	}
	if err := c.from.Decode(&a); err != nil {
		return a, fmt.Errorf("the process for processors answers no more: %w", err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("the process for processors: %s", a.Error)
	}
	return a, nil
}

// process runs a processor from now on.
func (c *child) process(code string, j job) error {
	_, err := c.say(request{Run: code, job: j})
	return err
}

// options are those with which a client reaches the cluster.
func (c *child) options() []kgo.Opt { return []kgo.Opt{kgo.SeedBrokers(c.brokers...)} }

// cpu is the processor time that the child has used.
func (c *child) cpu(ctx context.Context) (time.Duration, error) {
	return bench.ProcessCPU(c.cmd.Process.Pid)(ctx)
}

// forget begins anew with the most memory that [child.peak] tells. Where the system
// cannot (see proc_pid_clear_refs(5)), that is of the child's whole life.
func (c *child) forget() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.cmd.Process.Pid), []byte("5"), 0)
}

// peak is the most memory, in MiB, that the child had resident; 0 where the system does
// not tell.
func (c *child) peak() float64 { return memory(c.cmd.Process.Pid, "VmHWM") }

// resident is how much it has now.
func (c *child) resident() float64 { return memory(c.cmd.Process.Pid, "VmRSS") }

// memory is a line of proc_pid_status(5), in MiB.
func memory(pid int, name string) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kib, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 64)
			return kib / 1024
		}
	}
	return 0
}

// stop ends the child and waits for it.
func (c *child) stop() error {
	return errors.Join(c.in.Close(), c.cmd.Wait())
}
