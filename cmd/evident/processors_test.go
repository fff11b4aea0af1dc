package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/node"
)

// TestProcessorCommands runs the scripts of "evident processor", each on a node whose
// processors are those of counters: URL names it, and the file token has its token.
func TestProcessorCommands(t *testing.T) {
	p := params("testdata/processor", startCounters)
	p.Cmds["becomes"] = becomes
	testscript.Run(t, p)
}

// counters are a processor that counts the records of orders by key, and one that passes
// them on, and has no state.
func counters() []node.Processor {
	count := func(s node.Step, r *kgo.Record) error {
		before, _, err := s.Store("counts").Get(r.Key)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(before))
		text := []byte(strconv.Itoa(n + 1))
		return errors.Join(s.Store("counts").Put(r.Key, text), s.Store("last").Put(r.Key, r.Value), s.Emit(node.Output{Topic: "counted", Key: r.Key, Value: text}))
	}
	pass := func(s node.Step, r *kgo.Record) error {
		return s.Emit(node.Output{Topic: "passed", Key: r.Key, Value: r.Value})
	}
	stores := []node.StoreConfig{{Name: "counts"}, {Name: "last"}}
	return []node.Processor{
		{Name: "counter", Version: 1, Inputs: []string{"orders"}, Stores: stores, New: func(node.Task) node.Handler { return node.HandlerFunc(count) }},
		{Name: "passer", Version: 1, Inputs: []string{"orders"}, New: func(node.Task) node.Handler { return node.HandlerFunc(pass) }},
	}
}

func startCounters(env *testscript.Env) error {
	cfg := evidenttest.Config()
	cfg.Kafka = []node.Listener{{Name: "kafka", Address: "127.0.0.1:0"}}
	cfg.HTTP = []node.Listener{{Name: "http", Address: "127.0.0.1:0"}}
	cfg.Processors = counters()
	ctx := env.T().(testing.TB).Context()
	n, err := node.Start(ctx, cfg)
	if err != nil {
		return err
	}
	env.Defer(func() {
		if err := n.Close(); err != nil {
			env.T().Log(err)
			env.T().FailNow()
		}
	})
	client, err := n.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopics(ctx, 1, 1, nil, "orders", "counted", "passed")
	env.Setenv("EVIDENT_BROKERS", n.Addresses().Kafka["kafka"])
	env.Setenv("URL", "http://"+n.Addresses().HTTP["http"])
	return errors.Join(err, os.WriteFile(filepath.Join(env.WorkDir, "token"), []byte(n.HTTPToken()+"\n"), 0o600))
}

// becomes is the script command "becomes REGEXP PROGRAM ARGS...": it runs the program
// until its standard output matches.
func becomes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: becomes REGEXP PROGRAM ARGS...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if err != nil && !errors.As(err, new(*exec.ExitError)) || time.Now().After(deadline) {
			ts.Fatalf("%s does not come to %q: %v", args[1:], args[0], err)
		}
	}
}
