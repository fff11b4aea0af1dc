package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/engine"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/vfs"
)

// testCluster is a node in the test's own process, with processors that run on it.
func testCluster(t *testing.T) (*evidenttest.Node, Cluster) {
	t.Helper()
	node := evidenttest.Start(t)
	opts := []kgo.Opt{
		kgo.SeedBrokers(engine.EmbeddedHost),
		kgo.Dialer(func(ctx context.Context, _, _ string) (net.Conn, error) { return node.Dial(ctx) }),
	}
	service, err := process.New(process.Config{
		Client: func(more ...kgo.Opt) (*kgo.Client, error) { return kgo.NewClient(slices.Concat(opts, more)...) },
		FS:     vfs.NewMem(), Dir: "processors", Instance: "test", Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return node, Cluster{Options: opts, Kafka: "127.0.0.1:9092", Process: service.Run}
}

// started returns a StartNode for a cluster that runs already.
func started(c Cluster) func(context.Context, string) (Cluster, error) {
	return func(context.Context, string) (Cluster, error) { return c, nil }
}

// adminOf returns a client to look at what a run left behind.
func adminOf(t *testing.T, c Cluster) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(c.Options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// writeOrders writes an orders file and returns its path.
func writeOrders(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "orders.csv")
	if err := os.WriteFile(path, []byte(header+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	oneOrder  = `536365,85123A,T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`
	itsCancel = `C536366,85123A,T-LIGHT HOLDER,-6,2010-12-01 08:27:00,2.55,17850.0,United Kingdom`
)

func TestTheDayComesOutAsItsRowsSay(t *testing.T) {
	_, cluster := testCluster(t)
	var out strings.Builder
	report, err := Run(t.Context(), Config{StartNode: started(cluster), Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	wantFeed := FeedCounts{
		Rows: RowCounts{
			Read: 2891, Accepted: 2848, Refused: 43,
			RefusedBy: map[Reason]int{ReasonCorrection: 26, ReasonWriteOff: 17},
			Defects:   map[Defect]int{DefectNoCustomer: 1069, DefectNoDescription: 38, DefectNoPrice: 43, DefectNegative: 17},
			Remarks:   map[Remark]int{RemarkGuest: 1026, RemarkService: 18, RemarkRepeated: 10},
		},
		Invoices: InvoiceCounts{Read: 183, Orders: 107, Cancellations: 34, WithoutLines: 42, Matched: 1, Unmatched: 33},
		Ordered:  53_586_180, Cancelled: 1_054_050,
	}
	if !reflect.DeepEqual(report.Feed, wantFeed) {
		t.Errorf("feed\n%+v, want\n%+v", report.Feed, wantFeed)
	}
	wantStatuses := []StatusCount{
		{Kind: kindOrder, Status: StatusShipped, Count: 96, Amount: 34_422_500},
		{Kind: kindOrder, Status: StatusPaymentFailed, Reason: reasonNoAccount, Count: 9, Amount: 15_354_280},
		{Kind: kindOrder, Status: StatusCompleted, Count: 1, Amount: 15_000},
		{Kind: kindOrder, Status: StatusPaymentFailed, Reason: reasonOverLimit, Count: 1, Amount: 3_794_400},
		{Kind: kindCancellation, Status: StatusRefunded, Count: 34, Amount: 1_054_050},
	}
	if !reflect.DeepEqual(report.Statuses, wantStatuses) {
		t.Errorf("statuses\n%+v, want\n%+v", report.Statuses, wantStatuses)
	}
	if want := (SuspicionTotals{Orders: 2, Amount: 1_063_080}); report.Suspicious != want {
		t.Errorf("suspicious %+v, want %+v", report.Suspicious, want)
	}
	for _, words := range []string{"2,891  read", "stock correction", "Shipped", "£34,422.50", "p99", "evident demo --data"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("the table does not say %q:\n%s", words, out.String())
		}
	}
}

// What the report says must be what a stranger finds in the log.
func TestReportAgreesWithTheLog(t *testing.T) {
	node, cluster := testCluster(t)
	report, err := Run(t.Context(), Config{StartNode: started(cluster)})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int)
	for _, topic := range topics() {
		if n := len(node.Records(topic)); n > 0 {
			found[topic] = n
		}
	}
	if !reflect.DeepEqual(found, report.Topics) {
		t.Errorf("in the log %v, in the report %v", found, report.Topics)
	}
}

func TestASharedClusterKeepsWhatIsNotTheDemos(t *testing.T) {
	orders := writeOrders(t, oneOrder)
	for name, prepare := range map[string]func(*testing.T, *kadm.Client, *kgo.Client){
		"somebody's records": func(t *testing.T, admin *kadm.Client, client *kgo.Client) {
			if _, err := admin.CreateTopic(t.Context(), partitions, 1, nil, TopicOrders); err != nil {
				t.Fatal(err)
			}
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: TopicOrders, Value: []byte("pizza")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		},
		"another number of partitions": func(t *testing.T, admin *kadm.Client, _ *kgo.Client) {
			if _, err := admin.CreateTopic(t.Context(), partitions+1, 1, nil, TopicOrders); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, cluster := testCluster(t)
			cluster.Shared = true
			client, err := kgo.NewClient(cluster.Options...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			prepare(t, kadm.NewClient(client), client)
			_, err = Run(t.Context(), Config{StartNode: started(cluster), Orders: orders})
			var taken *TakenError
			if !errors.As(err, &taken) || taken.Topic != TopicOrders {
				t.Errorf("got %v, want a *TakenError", err)
			}
			topics, err := kadm.NewClient(client).ListTopics(t.Context())
			if err != nil || len(topics.Names()) != 1 {
				t.Errorf("the run made topics: %v, %v", topics.Names(), err)
			}
		})
	}
}

func TestASharedClusterTakesASecondRun(t *testing.T) {
	_, cluster := testCluster(t)
	cluster.Shared = true
	orders := writeOrders(t, oneOrder, itsCancel)
	for range 2 {
		if _, err := Run(t.Context(), Config{StartNode: started(cluster), Orders: orders}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTopicsHaveTheReplicasAskedFor(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(fake.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := CreateTopics(t.Context(), client, 2); err != nil {
		t.Fatal(err)
	}
	found, err := kadm.NewClient(client).ListTopics(t.Context(), topics()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range found {
		if n := topic.Partitions.NumReplicas(); n != 2 {
			t.Errorf("%s has %d replicas", topic.Topic, n)
		}
	}
}

func TestSecondRunOnTheSameDataLeavesTheFirstAlone(t *testing.T) {
	_, cluster := testCluster(t)
	orders := writeOrders(t, oneOrder, itsCancel)
	first, err := Run(t.Context(), Config{StartNode: started(cluster), Orders: orders})
	if err != nil {
		t.Fatal(err)
	}
	second, err := Run(t.Context(), Config{StartNode: started(cluster), Orders: orders})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(second.Statuses, first.Statuses) {
		t.Errorf("statuses %+v, want %+v", second.Statuses, first.Statuses)
	}
	if !reflect.DeepEqual(second.Topics, first.Topics) || second.Foreign != 0 {
		t.Errorf("events %v and %d foreign ones, want %v and none", second.Topics, second.Foreign, first.Topics)
	}
}

func TestRowsThatAreRefusedAreKeptWithTheirReason(t *testing.T) {
	node, cluster := testCluster(t)
	_, err := Run(t.Context(), Config{
		StartNode: started(cluster),
		Orders:    writeOrders(t, oneOrder, `538072,22423,faulty,-13,2010-12-09 14:10:00,0.0,,United Kingdom`, `garbage`),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[int]RefusedRow)
	for _, r := range node.Records(TopicRefusedRows) {
		var row RefusedRow
		if err := json.Unmarshal(r.Value, &row); err != nil {
			t.Fatal(err)
		}
		got[row.Row] = row
	}
	if got[2].Reason != ReasonWriteOff || got[2].Fields["Description"] != "faulty" || got[3].Reason != ReasonMalformed {
		t.Errorf("got %+v", got)
	}
}

func TestReportIsJSONWhenAskedFor(t *testing.T) {
	_, cluster := testCluster(t)
	var out bytes.Buffer
	report, err := Run(t.Context(), Config{StartNode: started(cluster), Orders: writeOrders(t, oneOrder), Out: &out, JSON: true})
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || !reflect.DeepEqual(got, report) {
		t.Errorf("read back %+v, %v; want %+v", got, err, report)
	}
}

func TestFileWithoutRowsIsADayWithoutOrders(t *testing.T) {
	_, cluster := testCluster(t)
	path := filepath.Join(t.TempDir(), "empty.csv")
	if err := os.WriteFile(path, []byte(header), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), Config{StartNode: started(cluster), Orders: path})
	if err != nil || report.Events != 0 {
		t.Errorf("%d events, %v", report.Events, err)
	}
}

func TestServiceThatCannotJoinIsNamed(t *testing.T) {
	_, cluster := testCluster(t)
	run := cluster.Process
	cluster.Process = func(ctx context.Context, p process.Processor) error {
		if p.Name == serviceShipping {
			return nil
		}
		return run(ctx, p)
	}
	// No wait is too short for it: it never joins.
	_, err := Run(t.Context(), Config{StartNode: started(cluster), Orders: writeOrders(t, oneOrder), StallTimeout: time.Millisecond})
	var stall *StallError
	if !errors.As(err, &stall) || !slices.ContainsFunc(stall.Lag, func(s string) bool { return strings.HasPrefix(s, "shipping has not joined") }) {
		t.Errorf("got %v, want a *StallError that names shipping", err)
	}
}

func TestEventThatCannotBeWrittenEndsTheRun(t *testing.T) {
	_, cluster := testCluster(t)
	tiny := "1"
	created, err := adminOf(t, cluster).CreateTopic(t.Context(), partitions, 1, map[string]*string{"max.message.bytes": &tiny}, TopicOrders)
	if err := errors.Join(err, created.Err); err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), Config{StartNode: started(cluster), Orders: writeOrders(t, oneOrder)})
	if !errors.Is(err, kerr.MessageTooLarge) || !strings.Contains(err.Error(), "536365-OrderPlaced") {
		t.Errorf("got %v, want why which event could not be written", err)
	}
}

func TestOrdersUnderWayAreBounded(t *testing.T) {
	const more = 10
	_, cluster := testCluster(t) // without services: no order gets its final status
	system, err := newSystem(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer system.close()
	var lines []string
	for n := range maxUnderWay + more {
		lines = append(lines, strings.Replace(oneOrder, "536365", strconv.Itoa(600000+n), 1))
	}
	orders, err := openOrders(writeOrders(t, lines...))
	if err != nil {
		t.Fatal(err)
	}
	defer orders.close()
	o := system.observer
	sent := make(chan error, 1)
	go func() {
		sent <- newFeed(orders.rows, Config{}, &outbox{client: system.kafka}, o).send(t.Context())
	}()
	for range more {
		begun := 0
		if err := o.wait(t.Context(), func() bool {
			begun = len(o.mu.begun)
			return begun >= maxUnderWay
		}); err != nil {
			t.Fatal(err)
		}
		if err := system.kafka.Flush(t.Context()); err != nil { // time for a feed that does not wait
			t.Fatal(err)
		}
		o.mu.Lock()
		if begun = len(o.mu.begun); begun != maxUnderWay {
			t.Errorf("%d orders are under way, want %d", begun, maxUnderWay)
		}
		for order := range o.mu.begun {
			o.finish(order)
			break
		}
		o.changed.Broadcast()
		o.mu.Unlock()
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestRunStaysUntilItsContextEnds(t *testing.T) {
	_, cluster := testCluster(t)
	admin := adminOf(t, cluster)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	members := -1
	out := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "stays up") {
			groups, err := admin.DescribeGroups(ctx, serviceNotification)
			if err != nil {
				t.Error(err)
			}
			members = len(groups[serviceNotification].Members)
			cancel()
		}
		return len(p), nil
	})
	if _, err := Run(ctx, Config{StartNode: started(cluster), Orders: writeOrders(t, oneOrder), Stay: true, Out: out}); err != nil {
		t.Fatal(err)
	}
	if members != 1 {
		t.Errorf("group %s has %d members while the run stays, want 1", serviceNotification, members)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestNodeThatStopsEndsARunThatStays(t *testing.T) {
	_, cluster := testCluster(t)
	broken := errors.New("disk full")
	failed := make(chan error, 1)
	cluster.Failed = failed
	out := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "stays up") {
			failed <- broken
		}
		return len(p), nil
	})
	_, err := Run(t.Context(), Config{StartNode: started(cluster), Orders: writeOrders(t, oneOrder), Stay: true, Out: out})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestCancelledRunEndsAndRemovesItsFolder(t *testing.T) {
	_, cluster := testCluster(t)
	ctx, cancel := context.WithCancel(t.Context())
	stopped, folder := false, ""
	cluster.Stop = func() error { stopped = true; return nil }
	_, err := Run(ctx, Config{
		Speed:  0.001, // the second order would be due in hours
		Orders: writeOrders(t, oneOrder, itsCancel),
		StartNode: func(_ context.Context, data string) (Cluster, error) {
			folder = data
			return cluster, nil
		},
		Progress: func(p Progress) {
			if p.Orders == 1 {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := os.Stat(folder); !stopped || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stopped %v, folder %s: %v", stopped, folder, err)
	}
}

func TestNothingIsStartedForOrdersThatCannotBeRead(t *testing.T) {
	start := func(context.Context, string) (Cluster, error) {
		t.Error("a node was started")
		return Cluster{}, io.EOF
	}
	for name, cfg := range map[string]Config{
		"no such file": {Orders: filepath.Join(t.TempDir(), "none.csv")},
		"folder":       {Orders: t.TempDir()},
		"no columns":   {Orders: "rows.go"},
		"bad speed":    {Speed: -1},
	} {
		cfg.StartNode = start
		if _, err := Run(t.Context(), cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNodeThatDoesNotStartIsAnError(t *testing.T) {
	inUse := errors.New("port in use")
	_, err := Run(t.Context(), Config{StartNode: func(context.Context, string) (Cluster, error) { return Cluster{}, inUse }})
	if !errors.Is(err, inUse) {
		t.Errorf("got %v, want %v", err, inUse)
	}
}
