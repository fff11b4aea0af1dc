package processors

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/history"
)

// folderVariable names the folder of a cluster of interop/kafka.sh.
const folderVariable = "KAFKA_FOLDER"

// folder is that of the cluster.
func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(folderVariable)
	if dir == "" {
		t.Fatalf("%s is not set: run interop/processors.sh, which starts all that is needed", folderVariable)
	}
	return dir
}

// brokers are the addresses of the cluster's nodes.
func brokers(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder(t), "plaintext"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// brokerCount is how many nodes the cluster has.
func brokerCount(t *testing.T) int { return strings.Count(brokers(t), ",") + 1 }

// restartBroker kills a node of the cluster, and starts it again after a time.
func restartBroker(t *testing.T, number int, down time.Duration) {
	t.Helper()
	for _, command := range []string{"kill", "resume"} {
		cmd := exec.CommandContext(t.Context(), filepath.Join("..", "kafka.sh"), command, "--dir", folder(t), "--node", strconv.Itoa(number))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("kafka.sh %s: %v\n%s", command, err, out)
		}
		if command == "kill" {
			time.Sleep(down)
		}
	}
}

// reach are the options of clients that outlive brokers: one that is just being killed
// takes connections and closes them at once.
func reach(t *testing.T) []kgo.Opt {
	t.Helper()
	return []kgo.Opt{kgo.SeedBrokers(strings.Split(brokers(t), ",")...), kgo.AlwaysRetryEOF(), kgo.RequestRetries(100)}
}

func newClient(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(reach(t), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// createTopics makes the topics of a recorder, which outlive the loss of a broker if
// there are three.
func createTopics(t *testing.T, processor string, partitions int32) history.Topics {
	t.Helper()
	replicas := brokerCount(t)
	settings := map[string]*string{"min.insync.replicas": new(strconv.Itoa(replicas/2 + 1))}
	names := []string{processor + "-in", processor + "-notes", processor + "-out"}
	made, err := kadm.NewClient(newClient(t)).CreateTopics(t.Context(), partitions, int16(replicas), settings, names...)
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	group := "evident-process." + processor + ".1"
	return history.Topics{
		Inputs: names[:1], Notes: names[1], Outputs: names[2],
		Changelog: group + ".changelog", DeadLetters: "dlq." + processor, Group: group,
	}
}

// load writes records with what work makes, some every few milliseconds, until ctx ends.
func load(ctx context.Context, cl *kgo.Client, topic string, seed uint64, work func(*rand.Rand) []byte) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		var batch []*kgo.Record
		for range 1 + rng.IntN(2*burst) {
			batch = append(batch, &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "key-%d", rng.IntN(keys)), Value: work(rng)})
		}
		if err := cl.ProduceSync(context.WithoutCancel(ctx), batch...).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

const (
	// keys is how many keys there are under load.
	keys = 200
	// burst is about how many records come at once.
	burst = 5
)

// work orders something of the processor; timers only if the tests are told so.
func work(rng *rand.Rand) []byte {
	value := history.RandomWork(rng)
	if *timers {
		return value
	}
	var w history.Work
	if err := json.Unmarshal(value, &w); err != nil {
		panic(fmt.Sprintf("work %s cannot be read: %v", value, err)) // it was made right here
	}
	w.Timer, w.Stop = "", ""
	if value, err := json.Marshal(w); err == nil {
		return value
	}
	return nil
}
