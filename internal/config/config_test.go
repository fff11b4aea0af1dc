package config_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/engine/cluster"
	"github.com/evidentlog/evident/internal/secret"
	"github.com/evidentlog/evident/node"
)

// loadNode loads a node's configuration from a file's content (if there is
// any), variables and a command line.
func loadNode(t *testing.T, file string, environ []string, args ...string) (config.Node, error) {
	t.Helper()
	if file != "" {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("evident.yaml", []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config=evident.yaml")
	}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.NodeFlags(flags)
	if err := flags.Parse(args); err != nil {
		return config.Node{}, err
	}
	return config.LoadNode(flags, environ)
}

func TestDefaultsAreThoseOfTheNode(t *testing.T) {
	n, err := loadNode(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := node.Config{
		Data:                       "./evident-data",
		Kafka:                      []node.Listener{{Name: "kafka", Address: "127.0.0.1:9092"}},
		HTTP:                       []node.Listener{{Name: "http", Address: "127.0.0.1:8080"}},
		Registry:                   []node.Listener{{Name: "registry", Address: "127.0.0.1:8081"}},
		AutoCreateTopics:           &yes,
		Partitions:                 1,
		TopicDefaults:              map[string]string{},
		GroupInitialRebalanceDelay: 3 * time.Second,
		GroupConsumerHeartbeat:     5 * time.Second,
		GroupConsumerSession:       45 * time.Second,
		OffsetsPartitions:          50,
		TransactionsPartitions:     50,
		GroupShareMaxSize:          200,
		ShareStatePartitions:       50,
		BootstrapUsers:             map[string]func() (string, error){},
		FailedAuthenticationDelay:  100 * time.Millisecond,
		LedgerMaxLag:               512 << 20,
		StateMemory:                176 << 20,
		GatewayWindow:              24 * time.Hour,
		GatewayIDs:                 10_000_000,
		GatewayOrigins:             []string{},
		GatewayMaxBody:             16 << 20,
		LedgerExclude:              []string{},
		WitnessInterval:            10 * time.Second,
	}
	if !reflect.DeepEqual(n.Config, want) {
		t.Errorf("got  %+v\nwant %+v", n.Config, want)
	}
	if n.LogLevel != slog.LevelInfo || n.LogJSON {
		t.Errorf("logs at %v, JSON %v", n.LogLevel, n.LogJSON)
	}
}

func TestFlagWinsOverVariableOverFileOverDefault(t *testing.T) {
	const file = "data: file\npartitions: 2\nlog-level: debug\n"
	environ := []string{"EVIDENT_DATA=variable", "EVIDENT_PARTITIONS=3", "EVIDENT_LOG_FORMAT="}
	n, err := loadNode(t, file, environ, "--data=flag")
	if err != nil {
		t.Fatal(err)
	}
	if n.Config.Data != "flag" || n.Config.Partitions != 3 || n.LogLevel != slog.LevelDebug || n.LogJSON {
		t.Errorf("got %+v", n)
	}
}

func TestFileIsNamedByVariableToo(t *testing.T) {
	name := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(name, []byte("partitions: 7"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := loadNode(t, "", []string{"EVIDENT_CONFIG=" + name})
	if err != nil || n.Config.Partitions != 7 {
		t.Errorf("partitions %d, %v", n.Config.Partitions, err)
	}
}

func TestTopicDefaultsOfAllSourcesAddUp(t *testing.T) {
	n, err := loadNode(t,
		"topic-default:\n  retention.ms: 1000\n  segment.bytes: 1048576\n",
		[]string{"EVIDENT_TOPIC_DEFAULT=cleanup.policy=compact,delete,segment.ms=60000"},
		"--topic-default", "retention.ms=2000", "--topic-default", "flush.messages=10")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"retention.ms": "2000", "segment.bytes": "1048576", "flush.messages": "10",
		"cleanup.policy": "compact,delete", "segment.ms": "60000",
	}
	if !reflect.DeepEqual(n.Config.TopicDefaults, want) {
		t.Errorf("got %v\nwant %v", n.Config.TopicDefaults, want)
	}
}

const namedListeners = `
listeners:
  kafka:
    - name: inside
      address: 127.0.0.1:9092
    - name: outside
      address: 0.0.0.0:9093
      advertise: broker.example.org:9093
      tls-cert: evident.yaml
      tls-key: evident.yaml
      tls-client-ca: evident.yaml
      sasl: [PLAIN, scram-sha-512]
`

func TestFileNamesSeveralListeners(t *testing.T) {
	n, err := loadNode(t, namedListeners, nil, "--listen-http=none")
	if err != nil {
		t.Fatal(err)
	}
	want := []node.Listener{
		{Name: "inside", Address: "127.0.0.1:9092"},
		{Name: "outside", Address: "0.0.0.0:9093", Advertise: "broker.example.org:9093",
			TLSCert: "evident.yaml", TLSKey: "evident.yaml", TLSClientCA: "evident.yaml", SASL: []string{"PLAIN", "SCRAM-SHA-512"}},
	}
	if !reflect.DeepEqual(n.Config.Kafka, want) {
		t.Errorf("got  %+v\nwant %+v", n.Config.Kafka, want)
	}
	if n.Config.HTTP == nil || len(n.Config.HTTP) != 0 {
		t.Errorf("HTTP listeners %#v, want none", n.Config.HTTP)
	}
}

func TestListenFlagReplacesTheFilesListeners(t *testing.T) {
	n, err := loadNode(t, namedListeners, nil, "--listen-kafka=127.0.0.1:0", "--advertise-kafka=here:1")
	want := []node.Listener{{Name: "kafka", Address: "127.0.0.1:0", Advertise: "here:1"}}
	if err != nil || !reflect.DeepEqual(n.Config.Kafka, want) {
		t.Errorf("got %+v, %v", n.Config.Kafka, err)
	}
}

func TestErrorsSayWhereAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name, file string
		environ    []string
		args       []string
		want       string
	}{
		{name: "wrong key", file: "data: x\npartitons: 3\n",
			want: `evident.yaml:2: unknown setting "partitons": did you mean "partitions"?`},
		{name: "wrong key, nothing near", file: "zzzzz: 3\n",
			want: `evident.yaml:1: unknown setting "zzzzz"; "evident serve --help" lists them`},
		{name: "wrong type", file: "data: x\n\npartitions: many\n",
			want: `evident.yaml:3: partitions: "many" will not do: want a whole number of at least 1`},
		{name: "list for a number", file: "partitions: [1, 2]\n",
			want: `evident.yaml:1: partitions: "[…]" will not do: want a whole number of at least 1`},
		{name: "text for a mapping", file: "topic-default: retention.ms=1\n",
			want: `evident.yaml:1: topic-default: "retention.ms=1" will not do: want "property: value" lines, such as "retention.ms: 86400000"`},
		{name: "key twice", file: "data: x\ndata: y\n",
			want: `evident.yaml:2: data was set on line 1 already: keep one of them`},
		{name: "not a mapping", file: "- data\n",
			want: `evident.yaml:1: "[…]" will not do: want "key: value" lines`},
		{name: "not YAML", file: "data: [\n", want: "evident.yaml: not YAML: "},
		{name: "wrong key of a listener", file: "listeners:\n  kafka:\n    - name: a\n      adress: 127.0.0.1:1\n",
			want: `evident.yaml:4: unknown setting "adress": did you mean "address"?`},
		{name: "wrong protocol", file: "listeners:\n  kafak: []\n",
			want: `evident.yaml:2: unknown setting "kafak": did you mean "kafka"?`},
		{name: "listener without address", file: "listeners:\n  http:\n    - name: a\n",
			want: `evident.yaml:3: this listener has no address: add one`},
		{name: "half of TLS", file: "listeners:\n  kafka:\n    - name: a\n      address: 127.0.0.1:1\n      tls-cert: evident.yaml\n",
			want: `evident.yaml:3: TLS needs both tls-cert and tls-key: add the other one`},
		{name: "both ways", file: "listen-kafka: 127.0.0.1:1\nlisteners:\n  kafka: []\n",
			want: `evident.yaml:1: listen-kafka and listeners.kafka exclude each other: keep one of them`},
		{name: "advertise for several", file: namedListeners, args: []string{"--advertise-kafka=here:1"},
			want: `advertise-kafka gives one address, but there are 2 kafka listeners: give each its own "advertise" in the file`},
		{name: "same name", file: "listeners:\n  kafka:\n    - {name: a, address: 127.0.0.1:1}\n    - {name: a, address: 127.0.0.1:2}\n",
			want: `the listeners on 127.0.0.1:1 and 127.0.0.1:2 are both named "a": rename one`},
		{name: "wrong variable", environ: []string{"EVIDENT_LISTENKAFKA=127.0.0.1:1"},
			want: `the environment: unknown setting "EVIDENT_LISTENKAFKA": did you mean "EVIDENT_LISTEN_KAFKA"?`},
		{name: "wrong variable, two as near", environ: []string{"EVIDENT_KAFKA_FOLDER=x"},
			want: `the environment: unknown setting "EVIDENT_KAFKA_FOLDER": did you mean "EVIDENT_KAFKA_TOKEN"?`},
		{name: "wrong value of a variable", environ: []string{"EVIDENT_LISTEN_KAFKA=9092"},
			want: `EVIDENT_LISTEN_KAFKA: "9092" will not do: want host:port, such as "127.0.0.1:9092" (port 0 takes a free one), or "none"`},
		{name: "wrong level", environ: []string{"EVIDENT_LOG_LEVEL=loud"},
			want: `EVIDENT_LOG_LEVEL: "loud" will not do: want debug, info, warn or error`},
		{name: "plain text beyond this machine", args: []string{"--listen-http=0.0.0.0:8080"},
			want: `listener "http" on 0.0.0.0:8080 would speak plain text beyond this machine: give it tls-cert and tls-key in the file, or allow it with --insecure`},
		{name: "every interface, and not where", args: []string{"--listen-kafka=:9092", "--insecure"},
			want: `listener "kafka" on :9092 is on every interface: tell clients which address to connect to with --advertise-kafka HOST:PORT, or "advertise" in the file`},
		{name: "wrong topic property", file: "topic-default:\n  retention.mss: 1000\n",
			want: `evident.yaml:2: retention.mss: "1000" will not do: want a topic property, which "retention.mss" is not: did you mean "retention.ms"?`},
		{name: "wrong value of a topic property", args: []string{"--topic-default=retention.ms=long"},
			want: `want what Kafka allows: retention.ms="long" must be`},
		{name: "SASL for several", file: namedListeners, args: []string{"--sasl-kafka=PLAIN"},
			want: `sasl-kafka is for one listener, but there are 2 kafka listeners: give each its own "sasl" in the file`},
		{name: "wrong mechanism", args: []string{"--sasl-kafka=PLAIN,GSSAPI"},
			want: `want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, or several with commas between them`},
		{name: "wrong mechanism of a listener", file: "listeners:\n  kafka:\n    - name: a\n      address: 127.0.0.1:1\n      sasl: [PLAN]\n",
			want: `evident.yaml:5: sasl: "PLAN" will not do: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512`},
		{name: "SASL for HTTP", file: "listeners:\n  http:\n    - {name: a, address: 127.0.0.1:1, sasl: PLAIN}\n",
			want: `listener "a" speaks HTTP, where nobody can log in: leave out sasl and tls-client-ca`},
		{name: "client certificates without TLS", file: "listeners:\n  kafka:\n    - {name: a, address: 127.0.0.1:1, tls-client-ca: evident.yaml}\n",
			want: `listener "a" has tls-client-ca without TLS: give it tls-cert and tls-key too`},
		{name: "a password where a reference belongs", file: "bootstrap-user:\n  admin: hunter2\n",
			want: `evident.yaml:2: admin: "…" will not do: want where the password is, and not the password: "env:NAME" or "file:PATH"`},
		{name: "a password in a variable where a reference belongs", environ: []string{"EVIDENT_BOOTSTRAP_USER=admin=hunter2"},
			want: `EVIDENT_BOOTSTRAP_USER: "…" will not do: want where the password is, and not the password`},
		{name: "a user without a reference", file: "bootstrap-user: admin\n",
			want: `evident.yaml:1: bootstrap-user: "admin" will not do: want "name: reference" lines, such as "admin: file:/run/secrets/admin"`},
		{name: "no file", args: []string{"--config=/nowhere.yaml"},
			want: `cannot read the configuration file: open /nowhere.yaml: no such file or directory`},
		{name: "wrong value of a flag", args: []string{"--advertise-kafka=0.0.0.0:9092"},
			want: `want an address that clients can connect to, which every-interface addresses are not`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadNode(t, c.file, c.environ, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestErrorsCarryTheirParts(t *testing.T) {
	_, err := loadNode(t, "partitons: 3\n", nil)
	var wrongKey *config.KeyError
	if !errors.As(err, &wrongKey) || wrongKey.Key != "partitons" || wrongKey.Where != "evident.yaml:1" {
		t.Errorf("got %#v", err)
	}
	_, err = loadNode(t, "", []string{"EVIDENT_PARTITIONS=0"})
	var wrongValue *config.ValueError
	if !errors.As(err, &wrongValue) || wrongValue.Value != "0" {
		t.Errorf("got %#v", err)
	}
}

func TestInsecureAllowsPlainTextBeyondThisMachine(t *testing.T) {
	n, err := loadNode(t, "", nil, "--listen-kafka=0.0.0.0:9092", "--advertise-kafka=broker:9092", "--insecure")
	if err != nil || !n.Config.Insecure {
		t.Errorf("insecure %v, %v", n.Config.Insecure, err)
	}
}

func TestKubernetesServiceVariablesAreIgnored(t *testing.T) {
	environ := []string{
		"EVIDENT_SERVICE_HOST=10.0.0.1", "EVIDENT_SERVICE_PORT=9092", "EVIDENT_SERVICE_PORT_KAFKA=9092",
		"EVIDENT_PORT=tcp://10.0.0.1:9092", "EVIDENT_PORT_9092_TCP=tcp://10.0.0.1:9092",
		"EVIDENT_PORT_9092_TCP_ADDR=10.0.0.1", "EVIDENT_CONSOLE_SERVICE_HOST=10.0.0.2",
	}
	if _, err := loadNode(t, "", environ); err != nil {
		t.Error(err)
	}
}

func TestLoggerWritesAsConfigured(t *testing.T) {
	n, err := loadNode(t, "", nil, "--log-level=warn", "--log-format=json")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	logger := n.Logger(&out)
	logger.Info("quiet")
	logger.Warn("loud")
	if s := out.String(); strings.Contains(s, "quiet") || !strings.Contains(s, `"msg":"loud"`) {
		t.Errorf("got %s", s)
	}
}

func loadClient(environ []string, args ...string) (config.Client, error) {
	flags := pflag.NewFlagSet("client", pflag.ContinueOnError)
	config.ClientFlags(flags)
	if err := flags.Parse(args); err != nil {
		return config.Client{}, err
	}
	return config.LoadClient(flags, environ)
}

// client is a configuration of nothing but addresses.
func client(timeout time.Duration, brokers ...string) config.Client {
	return config.Client{Config: cluster.Config{Brokers: brokers, Insecure: true, DialTimeout: timeout}, Timeout: timeout}
}

func TestClientSettingsHaveTheSamePrecedence(t *testing.T) {
	c, err := loadClient(nil)
	if want := client(10*time.Second, "127.0.0.1:9092"); err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, %v", c, err)
	}
	c, err = loadClient([]string{"EVIDENT_BROKERS=a,b:1", "EVIDENT_TIMEOUT=1s", "EVIDENT_DATA=for-serve"}, "--timeout=2s")
	if want := client(2*time.Second, "a:9092", "b:1"); err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, _ = loadClient(nil, "-b", "c:3"); !reflect.DeepEqual(c.Brokers, []string{"c:3"}) {
		t.Errorf("got %v", c.Brokers)
	}
	if _, err = loadClient([]string{"EVIDENT_BROKERS=:"}); err == nil {
		t.Error("an address without a host was taken")
	}
	if _, err = loadClient(nil, "--timeout=0s"); err == nil {
		t.Error("no time at all was taken")
	}
}

func TestSASLAppliesToTheOnlyListener(t *testing.T) {
	n, err := loadNode(t, "sasl-kafka: [PLAIN, SCRAM-SHA-256]\n", nil, "--listen-kafka=127.0.0.1:0")
	want := []node.Listener{{Name: "kafka", Address: "127.0.0.1:0", SASL: []string{"PLAIN", "SCRAM-SHA-256"}}}
	if err != nil || !reflect.DeepEqual(n.Config.Kafka, want) {
		t.Errorf("got %+v, %v", n.Config.Kafka, err)
	}
}

func TestBootstrapUsersOfAllSourcesAddUp(t *testing.T) {
	t.Setenv("FIRST", "one")
	t.Setenv("SECOND", "two")
	n, err := loadNode(t, "bootstrap-user:\n  a/b.c: env:FIRST\n  other: file:/nowhere\n", []string{"EVIDENT_BOOTSTRAP_USER=other=env:SECOND"}, "--bootstrap-user=third=env:MISSING")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, password := range n.Config.BootstrapUsers {
		text, err := password()
		if got[name] = text; err != nil {
			got[name] = "error"
		}
	}
	if want := map[string]string{"a/b.c": "one", "other": "two", "third": "error"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhoLogsIn(t *testing.T) {
	t.Setenv("EVIDENT_PASSWORD", "secret")
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		environ, args []string
		want          string // user, mechanism and password, or the error
	}{
		{nil, nil, "  "},
		{[]string{"EVIDENT_USER=alice", "EVIDENT_PASSWORD=secret"}, nil, "alice SCRAM-SHA-512 secret"},
		{[]string{"EVIDENT_PASSWORD=secret"}, []string{"--user=bob", "--sasl-mechanism=plain"}, "bob PLAIN secret"},
		{[]string{"EVIDENT_PASSWORD=secret"}, []string{"--user=bob", "--password-file=" + file}, "bob SCRAM-SHA-512 from the file"},
		{[]string{"EVIDENT_PASSWORD=secret"}, nil, "  "},
		{nil, []string{"--user=bob"}, "user bob has no password: give it with --password-file or EVIDENT_PASSWORD"},
		{nil, []string{"--sasl-mechanism=PLAIN"}, "nobody logs in: say who with --user"},
		{nil, []string{"--password-file=" + file}, "nobody logs in: say who with --user"},
	} {
		got, err := loadClient(c.environ, c.args...)
		text := got.SASL.User + " " + got.SASL.Mechanism + " "
		if ref, wrong := secret.Parse(got.SASL.Password); err == nil && wrong == nil {
			var password string
			password, err = ref.Read()
			text += password
		}
		if err != nil {
			text = err.Error()
		}
		if !strings.HasSuffix(text, c.want) {
			t.Errorf("%v %v: got %q, want %q", c.environ, c.args, text, c.want)
		}
	}
}

func TestShareGroupsAreConfigured(t *testing.T) {
	n, err := loadNode(t, "group-share-max-size: 1000\n", []string{"EVIDENT_SHARE_STATE_PARTITIONS=7"}, "--dead-letter-create")
	if err != nil {
		t.Fatal(err)
	}
	if c := n.Config; c.GroupShareMaxSize != 1000 || c.ShareStatePartitions != 7 || !c.DeadLetterCreate {
		t.Errorf("%+v", c)
	}
}
