package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/node"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"evident": main})
}

// TestClientCommandsOnANode runs the scripts of client commands, each on a node
// of its own, which EVIDENT_BROKERS names.
func TestClientCommandsOnANode(t *testing.T) {
	testscript.Run(t, params("testdata/client", func(env *testscript.Env) error {
		n := evidenttest.Start(t, evidenttest.Listen(), evidenttest.WithConfig(func(c *node.Config) { c.Partitions = 3 }))
		env.Setenv("EVIDENT_BROKERS", n.KafkaAddress())
		return startTLSCluster(env)
	}))
}

// TestClientCommandsOnAnotherCluster runs the same scripts on somebody else's
// implementation of the Kafka protocol: the client commands are not only ours.
func TestClientCommandsOnAnotherCluster(t *testing.T) {
	testscript.Run(t, params("testdata/client", func(env *testscript.Env) error {
		if err := startCluster(env, "EVIDENT_BROKERS"); err != nil {
			return err
		}
		return startTLSCluster(env)
	}))
}

// TestNodeCommands runs the scripts of commands that run a node themselves.
func TestNodeCommands(t *testing.T) {
	testscript.Run(t, params("testdata/node", func(env *testscript.Env) error {
		if err := startCluster(env, "CLUSTER"); err != nil {
			return err
		}
		return errors.Join(startTLSCluster(env), writeCertificate(env))
	}))
}

func params(dir string, setup func(*testscript.Env) error) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(5 * time.Minute),
		Setup: func(env *testscript.Env) error {
			// Under the race detector a program sleeps for a second before it ends.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Values[membersKey{}] = map[string]func(){}
			return setup(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"member": member,
			"leave":  leave,
			"await":  await,
			"fetch":  fetch,
		},
	}
}

// startCluster starts a fake cluster for the time of a script and sets the variable
// called name to its address.
func startCluster(env *testscript.Env, name string, opts ...kfake.Opt) error {
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.DefaultNumPartitions(3), kfake.BrokerConfigs(map[string]string{
		"group.initial.rebalance.delay.ms": "0",
	})}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return err
	}
	env.Defer(cluster.Close)
	env.Setenv(name, cluster.ListenAddrs()[0])
	return nil
}

// startTLSCluster starts a cluster that speaks TLS, at TLS_BROKERS, whose
// authority is the file ca.pem.
func startTLSCluster(env *testscript.Env) error {
	certificate, authority, err := selfSigned()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(env.WorkDir, "ca.pem"), authority, 0o600); err != nil {
		return err
	}
	return startCluster(env, "TLS_BROKERS", kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}))
}

// writeCertificate writes a certificate that is its own authority, and its key,
// to cert.pem and key.pem.
func writeCertificate(env *testscript.Env) error {
	certificate, authority, err := selfSigned()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		return err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return errors.Join(
		os.WriteFile(filepath.Join(env.WorkDir, "cert.pem"), authority, 0o600),
		os.WriteFile(filepath.Join(env.WorkDir, "key.pem"), key, 0o600))
}

// selfSigned makes a certificate for 127.0.0.1 that is its own authority.
func selfSigned() (certificate tls.Certificate, authority []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "evident"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, authority, nil
}

// exits is the script command "exits CODE PROGRAM ARGS...".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// member is the script command "member GROUP TOPIC [consumer|share]": from when it
// returns to the end of the script, or to "leave GROUP", the group has an active
// member, which may speak the consumer protocol (KIP-848) or that of share groups.
func member(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: member GROUP TOPIC [consumer|share]")
	}
	joined := make(chan struct{}, 1)
	opts := []kgo.Opt{kgo.ConsumerGroup(args[0]), kgo.Balancers(kgo.StickyBalancer()),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
			select {
			case joined <- struct{}{}:
			default:
			}
		})}
	share := len(args) == 3 && args[2] == "share"
	switch {
	case share:
		opts = []kgo.Opt{kgo.ShareGroup(args[0])}
	case len(args) == 3:
		opts = append(opts, kgo.ServerSideBalancer())
	}
	cl, err := kgo.NewClient(append(opts,
		kgo.SeedBrokers(ts.Getenv("EVIDENT_BROKERS")), kgo.ConsumeTopics(args[1]), kgo.ClientID("somebody"))...)
	ts.Check(err)
	stop := sync.OnceFunc(cl.Close)
	ts.Defer(stop)
	ts.Value(membersKey{}).(map[string]func())[args[0]] = stop
	if share {
		awaitBeginning(ts, cl, args[0], args[1])
		return
	}
	select {
	case <-joined:
	case <-time.After(time.Minute):
		ts.Fatalf("%s has no member after a minute", args[0])
	}
}

// awaitBeginning waits until a share group has begun with a topic.
func awaitBeginning(ts *testscript.TestScript, cl *kgo.Client, group, topic string) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		cl.PollFetches(ctx)
		cancel()
		offsets, err := kadm.NewClient(cl).DescribeShareGroupOffsets(context.Background(), group)
		begun := 0
		for _, o := range offsets[group].Offsets[topic] {
			if o.StartOffset >= 0 {
				begun++
			}
		}
		if err == nil && begun == 2 {
			return
		}
	}
	ts.Fatalf("share group %s has not begun after a minute", group)
}

// membersKey is the value of a script that has the ends of its groups' members.
type membersKey struct{}

// leave is the script command "leave GROUP": its last member leaves.
func leave(ts *testscript.TestScript, neg bool, args []string) {
	members := ts.Value(membersKey{}).(map[string]func())
	if neg || len(args) != 1 || members[args[0]] == nil {
		ts.Fatalf("usage: leave GROUP, which has a member")
	}
	members[args[0]]()
}

// fetch is the script command "fetch URL FILE": it writes what is there into the
// file.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch URL FILE")
	}
	resp, err := http.Get(args[0])
	ts.Check(err)
	body, err := io.ReadAll(resp.Body)
	ts.Check(errors.Join(err, resp.Body.Close()))
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("%s: %s %s", args[0], resp.Status, body)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o644))
}

// await is the script command "await FILE REGEXP [VARIABLE]": it waits until
// the file, which a command in the background writes, matches, and sets the variable to
// the match's first group.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await FILE REGEXP [VARIABLE]")
	}
	pattern := regexp.MustCompile("(?m)" + args[1])
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		match := pattern.FindSubmatch(content)
		switch {
		case match != nil && len(args) == 3:
			ts.Setenv(args[2], string(match[1]))
			return
		case match != nil:
			return
		case time.Now().After(deadline):
			ts.Fatalf("%s does not match %s after a minute, %v: %s", args[0], args[1], err, content)
		}
	}
}
