package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/evidentlog/evident/node"
)

func TestAClusterIsReadFromAllSources(t *testing.T) {
	n, err := loadNode(t,
		"kafka: broker-1:9092, broker-2\nkafka-tls: true\nkafka-sasl-mechanism: scram-sha-512\nreplication-factor: 3\n",
		[]string{"EVIDENT_KAFKA_PASSWORD=env:PASSWORD", "EVIDENT_KAFKA_USER=bob"},
		"--kafka-user=alice", "--listen-http=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	want := &node.Cluster{
		Brokers: []string{"broker-1:9092", "broker-2:9092"},
		TLS:     node.ClusterTLS{Enabled: true},
		SASL:    node.ClusterSASL{Mechanism: "SCRAM-SHA-512", User: "alice", Password: "env:PASSWORD"},
	}
	if !reflect.DeepEqual(n.Config.Cluster, want) || n.Config.ReplicationFactor != 3 {
		t.Errorf("got %+v, replication factor %d", n.Config.Cluster, n.Config.ReplicationFactor)
	}
	if n.Config.Kafka == nil || len(n.Config.Kafka) != 0 || len(n.Config.HTTP) != 1 {
		t.Errorf("listeners %+v, %+v; want HTTP only", n.Config.Kafka, n.Config.HTTP)
	}
}

func TestWithoutAClusterThereIsNone(t *testing.T) {
	if n, err := loadNode(t, "insecure: true\n", nil); err != nil || n.Config.Cluster != nil {
		t.Errorf("got %+v, %v", n.Config.Cluster, err)
	}
}

func TestSettingsThatExcludeOneAnotherAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		environ []string
		args    []string
		want    string
	}{
		"cluster and listener":       {args: []string{"--kafka=a:1", "--listen-kafka=127.0.0.1:0"}, want: "listen-kafka is for the broker inside the node, and --kafka names another"},
		"cluster and partitions":     {file: "partitions: 3\n", environ: []string{"EVIDENT_KAFKA=a:1"}, want: "partitions is for the broker inside"},
		"cluster and sessions":       {args: []string{"--kafka=a:1", "--group-consumer-session-timeout=1s"}, want: "group-consumer-session-timeout is for the broker inside"},
		"cluster and transactions":   {args: []string{"--kafka=a:1", "--transactions-partitions=1"}, want: "transactions-partitions is for the broker inside"},
		"cluster and its listeners":  {file: "kafka: a:1\nlisteners:\n  kafka:\n    - {name: a, address: 127.0.0.1:1}\n", want: "listeners.kafka is for the broker inside"},
		"user without cluster":       {args: []string{"--kafka-user=alice"}, want: "kafka-user is for a Kafka cluster: name one with --kafka"},
		"replicas without cluster":   {args: []string{"--replication-factor=3"}, want: "replication-factor is for a Kafka cluster"},
		"password beyond, in plain":  {args: []string{"--kafka=broker:1", "--kafka-sasl-mechanism=PLAIN", "--kafka-user=a", "--kafka-password=env:P"}, want: "--kafka-sasl-mechanism PLAIN would send a password or token in plain text"},
		"mechanism that is not here": {args: []string{"--kafka=a:1", "--kafka-sasl-mechanism=gssapi"}, want: "want PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"},
		"token endpoint that is not": {environ: []string{"EVIDENT_KAFKA_TOKEN_URL=login"}, want: `EVIDENT_KAFKA_TOKEN_URL: "login" will not do: want a URL`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadNode(t, c.file, c.environ, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAPasswordGivenByMistakeIsNotRepeated(t *testing.T) {
	for name, load := range map[string]func() error{
		"flag":     func() error { _, err := loadNode(t, "", nil, "--kafka-password=hunter2"); return err },
		"variable": func() error { _, err := loadNode(t, "", []string{"EVIDENT_KAFKA_PASSWORD=hunter2"}); return err },
		"file":     func() error { _, err := loadNode(t, "kafka-password: hunter2\n", nil); return err },
	} {
		err := load()
		if err == nil || !strings.Contains(err.Error(), "where the secret is, and not the secret") {
			t.Errorf("%s: %v", name, err)
		}
		// pflag's own error has the value; the command line leaves it out.
		if name != "flag" && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}
