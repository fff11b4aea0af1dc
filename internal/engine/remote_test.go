package engine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/evidentlog/evident/internal/engine/cluster"
)

// logged is what an engine logs, line by line.
type logged struct {
	sync.Mutex
	bytes.Buffer
	lines chan string
}

func (l *logged) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	select {
	case l.lines <- string(p):
	default:
	}
	return l.Buffer.Write(p)
}

func (l *logged) text() string {
	l.Lock()
	defer l.Unlock()
	return l.String()
}

func connect(t *testing.T, change func(*Config)) (*Engine, *logged) {
	t.Helper()
	log := &logged{lines: make(chan string, 100)}
	cfg := Config{Logger: slog.New(slog.NewTextHandler(log, nil))}
	change(&cfg)
	e, err := Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e, log
}

func fake(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func brokers(c *kfake.Cluster) func(*Config) {
	return func(cfg *Config) { cfg.Brokers = c.ListenAddrs() }
}

func TestAClusterThatAnswersIsReadyAndSaysWhatItLacks(t *testing.T) {
	e, log := connect(t, brokers(fake(t, kfake.NumBrokers(3), kfake.MaxVersions(kversion.V4_1_0()))))
	if err := e.Health(); !errors.Is(err, errNotYet) {
		t.Errorf("before it was asked: %v", err)
	}
	if err := e.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Health(); err != nil {
		t.Error(err)
	}
	const want = `brokers=3 lacks="share groups (KIP-932, Kafka 4.2), dead letters of share groups (KIP-1191, Kafka 4.4)"`
	if text := log.text(); !strings.Contains(text, want) || !strings.Contains(text, `level=INFO msg="the Kafka cluster answers" looks_like=`) || strings.Count(text, "\n") != 1 {
		t.Errorf("logged %s\nwant one line with %s", text, want)
	}
	c, err := e.Capabilities(t.Context())
	if err != nil || c.Brokers != 3 || c.Check(ConsumerProtocol) != nil || c.Check(ShareGroups) == nil {
		t.Errorf("capabilities %+v, %v", c, err)
	}
}

func TestAClusterThatIsNotThereIsWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	e, log := connect(t, func(cfg *Config) { cfg.Brokers = []string{address} })
	awaited := make(chan error, 1)
	go func() { awaited <- e.Await(t.Context()) }()
	if line := <-log.lines; !strings.Contains(line, "waiting for the Kafka cluster") || !strings.Contains(line, "no broker at "+address) {
		t.Errorf("logged %s", line)
	}
	if err := e.Health(); err == nil || !strings.HasPrefix(err.Error(), "no broker at "+address) {
		t.Errorf("health %v", err)
	}
	fake(t, kfake.Ports(port))
	if err := <-awaited; err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.text(), "waiting"); n != 1 {
		t.Errorf("the same reason was told %d times:\n%s", n, log.text())
	}
}

func TestWaitingEndsWithItsContextAndSaysWhy(t *testing.T) {
	e, log := connect(t, func(cfg *Config) { cfg.Brokers = []string{"127.0.0.1:1"} })
	ctx, cancel := context.WithCancel(t.Context())
	awaited := make(chan error, 1)
	go func() { awaited <- e.Await(ctx) }()
	<-log.lines
	cancel()
	err := <-awaited
	if !errors.Is(err, context.Canceled) || !errors.Is(err, syscall.ECONNREFUSED) || !strings.HasPrefix(err.Error(), "no broker at 127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
}

func TestWhatTimeDoesNotMendEndsTheWait(t *testing.T) {
	t.Setenv("EVIDENT_TEST_PASSWORD", "wrong")
	for name, c := range map[string]struct {
		opts   []kfake.Opt
		change func(*Config)
		want   string
	}{
		"wrong password": {
			opts: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "alice", "right")},
			change: func(cfg *Config) {
				cfg.SASL = cluster.SASL{Mechanism: cluster.Plain, User: "alice", Password: "env:EVIDENT_TEST_PASSWORD"}
			},
			want: `does not let "alice" in (wrong password): check --kafka-sasl-mechanism, --kafka-user and --kafka-password`,
		},
		"no password": {
			opts: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "alice", "right")},
			change: func(cfg *Config) {
				cfg.SASL = cluster.SASL{Mechanism: cluster.Plain, User: "alice", Password: "env:EVIDENT_TEST_NOT_THERE"}
			},
			want: "secret env:EVIDENT_TEST_NOT_THERE is empty",
		},
		"too old": {
			opts: []kfake.Opt{kfake.MaxVersions(kversion.V0_10_2())},
			want: "the Kafka cluster looks like Apache Kafka 0.10.2, and 0.11 or later is needed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := fake(t, c.opts...)
			refuseCredentials(f)
			e, _ := connect(t, func(cfg *Config) {
				brokers(f)(cfg)
				if c.change != nil {
					c.change(cfg)
				}
			})
			if err := e.Await(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if e.Health() == nil {
				t.Error("the cluster counts as healthy")
			}
		})
	}
}

// refuseCredentials answers as Kafka does; the fake cluster would only hang up.
func refuseCredentials(f *kfake.Cluster) {
	f.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		resp.ErrorMessage = kmsg.StringPtr("wrong password")
		return resp, nil, true
	})
}

func TestMoreReplicasThanBrokersAreWaitedFor(t *testing.T) {
	e, log := connect(t, func(cfg *Config) {
		brokers(fake(t))(cfg)
		cfg.ReplicationFactor = 3
	})
	ctx, cancel := context.WithCancel(t.Context())
	awaited := make(chan error, 1)
	go func() { awaited <- e.Await(ctx) }()
	if line := <-log.lines; !strings.Contains(line, "--replication-factor 3 needs as many brokers, and 1 answered") {
		t.Errorf("logged %s", line)
	}
	cancel()
	<-awaited
	if got := e.ReplicationFactor(); got != 3 {
		t.Errorf("replication factor %d", got)
	}
}

// A broker that is restarted is none of the node's business: the others lead its
// partitions meanwhile.
func TestABrokerThatIsAwayLaterKeepsNobodyFromWorking(t *testing.T) {
	f := fake(t, kfake.NumBrokers(3))
	e, log := connect(t, func(cfg *Config) {
		brokers(f)(cfg)
		cfg.ReplicationFactor = 3
	})
	if err := e.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.RemoveNode(2); err != nil {
		t.Fatal(err)
	}
	e.look(t.Context())
	if err := e.Health(); err != nil || !strings.Contains(log.text(), "brokers=2") {
		t.Errorf("health %v, logged\n%s", err, log.text())
	}
}

func TestALostClusterIsNoticedAndItsReturnToo(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := fake(t)
	e, log := connect(t, func(cfg *Config) {
		brokers(f)(cfg)
		cfg.Metrics = registry
	})
	if err := e.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if up := value(t, registry, "evident_cluster_up"); up != 1 {
		t.Errorf("evident_cluster_up %v after the cluster has answered", up)
	}
	if open := value(t, registry, "evident_cluster_connections"); open < 1 {
		t.Errorf("evident_cluster_connections %v", open)
	}
	_, port, _ := net.SplitHostPort(f.ListenAddrs()[0])
	f.Close()
	e.look(t.Context())
	e.look(t.Context())
	if e.Health() == nil || value(t, registry, "evident_cluster_up") != 0 || value(t, registry, "evident_cluster_connect_failures_total") < 1 {
		t.Errorf("after the cluster went away: health %v", e.Health())
	}
	again, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	fake(t, kfake.Ports(again), kfake.MaxVersions(kversion.V4_0_0()))
	e.look(t.Context())
	if err := e.Health(); err != nil {
		t.Error(err)
	}
	if c, _ := e.Capabilities(t.Context()); c.Check(ShareGroups) == nil {
		t.Error("the capabilities are still those of before")
	}
	if text := log.text(); strings.Count(text, "does not answer") != 1 || strings.Count(text, "the Kafka cluster answers") != 2 {
		t.Errorf("logged\n%s", text)
	}
}

func TestAClusterCanBeWatchedBeforeItHasAnswered(t *testing.T) {
	f := fake(t)
	e, log := connect(t, brokers(f))
	e.look(t.Context())
	if err := e.Health(); err != nil || !strings.Contains(log.text(), "the Kafka cluster answers") {
		t.Errorf("health %v, logged %s", err, log.text())
	}
}

// value is that of a metric without labels.
func value(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func TestMetricsAreWellNamed(t *testing.T) {
	registry := prometheus.NewRegistry()
	connect(t, func(cfg *Config) {
		cfg.Brokers, cfg.Metrics = []string{"127.0.0.1:1"}, registry
	})
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestClientsAreOfTheCluster(t *testing.T) {
	f := fake(t, kfake.SeedTopics(1, "orders"))
	e, _ := connect(t, brokers(f))
	client, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if topics, err := kadm.NewClient(client).ListTopics(ctx); err != nil || !topics.Has("orders") {
		t.Errorf("topics %v, %v", topics.Names(), err)
	}
	if e.ReplicationFactor() != -1 {
		t.Errorf("replication factor %d, want the cluster's", e.ReplicationFactor())
	}
}

func TestAConfigurationThatCannotWorkIsRefusedByName(t *testing.T) {
	for want, cfg := range map[string]Config{
		"--kafka names no broker":                          {},
		"--replication-factor -1":                          {Config: cluster.Config{Brokers: []string{"a:1"}}, ReplicationFactor: -1},
		"--kafka-tls-cert and --kafka-tls-key go together": {Config: cluster.Config{Brokers: []string{"a:1"}, TLS: cluster.TLS{Cert: "x"}}},
	} {
		if _, err := Connect(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
