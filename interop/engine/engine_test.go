package engine

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// login are the flags of a user with a password.
func login(t *testing.T, mechanism, user, password string) []string {
	return trusted("--kafka-sasl-mechanism", mechanism, "--kafka-user", user, "--kafka-password", kept(t, password))
}

// bearer are the flags of somebody with a token.
func bearer(t *testing.T, token string) []string {
	return trusted("--kafka-sasl-mechanism", "OAUTHBEARER", "--kafka-token", kept(t, token))
}

func TestEachWayInIsOpen(t *testing.T) {
	for name, flags := range map[string][]string{
		"plain text":               {"--kafka", kafka.plaintext},
		"one of several addresses": {"--kafka", "127.0.0.1:1," + kafka.plaintext},
		"TLS, client certificate":  {"--kafka", kafka.ssl, "--kafka-tls-ca", file("ca.pem"), "--kafka-tls-cert", file("client.pem"), "--kafka-tls-key", file("client.key")},
		"PLAIN":                    login(t, "PLAIN", "alice", "alice-secret"),
		"SCRAM-SHA-256":            login(t, "SCRAM-SHA-256", "alice", "alice-secret"),
		"SCRAM-SHA-512":            login(t, "scram-sha-512", "alice", "alice-secret"),
		"OAUTHBEARER":              bearer(t, token(time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, flags...)
			n.says(`msg="the Kafka cluster answers" looks_like=v4\.\d+ brokers=\d+ lacks=nothing`)
			n.ready()
		})
	}
}

func TestWhoDoesNotGetInIsToldWhatToDo(t *testing.T) {
	const at = `^evident: 127\.0\.0\.1:\d+ `
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"wrong password, PLAIN":         {login(t, "PLAIN", "alice", "wrong"), at + `does not let "alice" in \(.*[Ii]nvalid.*\): check --kafka-sasl-mechanism, --kafka-user and --kafka-password$`},
		"wrong password, SCRAM-SHA-256": {login(t, "SCRAM-SHA-256", "alice", "wrong"), at + `does not let "alice" in \(.*\): check `},
		"unknown user, SCRAM-SHA-512":   {login(t, "SCRAM-SHA-512", "mallory", "alice-secret"), at + `does not let "mallory" in \(.*\): check `},
		"token that is over":            {bearer(t, token(-time.Minute)), at + `refused our token: check --kafka-token$`},
		"token that is none":            {bearer(t, "hunter2"), at + `refused our token: check --kafka-token$`},
		"no password":                   {trusted("--kafka-sasl-mechanism", "PLAIN", "--kafka-user", "alice", "--kafka-password", "env:EVIDENT_NOBODY_SET"), `^evident: cannot authenticate to 127\S+: secret env:EVIDENT_NOBODY_SET is empty$`},
		"no client certificate":         {[]string{"--kafka", kafka.ssl, "--kafka-tls-ca", file("ca.pem")}, at + `wants a certificate that it trusts: give one with --kafka-tls-cert and --kafka-tls-key$`},
		"authority that is not known":   {[]string{"--kafka", kafka.sasl, "--kafka-tls"}, `^evident: the certificate of 127\S+ is not trusted: .*: name its authority with --kafka-tls-ca$`},
		"plain text where TLS is":       {[]string{"--kafka", kafka.sasl}, at + `speaks TLS: give --kafka-tls$`},
		"SASL where there is none":      {[]string{"--kafka", kafka.plaintext, "--kafka-sasl-mechanism", "SCRAM-SHA-512", "--kafka-user", "alice", "--kafka-password", kept(t, "x")}, at + `does not ask who we are: leave out --kafka-sasl-mechanism, or name another listener with --kafka$`},
		"address that is none":          {[]string{"--kafka", "127.0.0.1:99999"}, `^evident: --kafka: "127.0.0.1:99999" will not do: want host:port`},
		"flag that is none":             {[]string{"--kafk", kafka.plaintext}, `^evident: unknown flag --kafk of evident serve: did you mean "--kafka"\?$`},
	} {
		t.Run(name, func(t *testing.T) {
			if said := firstAddress(refused(t, c.flags...)); !regexp.MustCompile(c.want).MatchString(said) {
				t.Errorf("got  %s\nwant %s", said, c.want)
			}
		})
	}
}

// firstAddress shortens a list of brokers to its first.
func firstAddress(text string) string {
	return regexp.MustCompile(`(127\.0\.0\.1:\d+)(, ?127\.0\.0\.1:\d+)+`).ReplaceAllString(text, "$1")
}

func TestWhatMayPassIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"no broker":         {[]string{"--kafka", "127.0.0.1:1"}, `reason="no broker at 127.0.0.1:1: is the cluster up\?`},
		"no host":           {[]string{"--kafka", "nobody.invalid:9092"}, `reason="(no host named|cannot look up the host) \\"nobody.invalid\\"`},
		"no SASL, no TLS":   {[]string{"--kafka", kafka.plaintext, "--kafka-tls"}, `closed the connection: it may want --kafka-sasl-mechanism or no --kafka-tls, or not be a Kafka listener"`},
		"too many replicas": {[]string{"--kafka", kafka.plaintext, "--replication-factor", "99"}, `reason="--replication-factor 99 needs as many brokers, and \d answered"`},
	} {
		t.Run(name, func(t *testing.T) {
			serve(t, c.flags...).says(`msg="waiting for the Kafka cluster" .*` + c.want)
		})
	}
}

// endpoint gives tokens to the client evident with the secret s3cret, once it is open.
func endpoint(t *testing.T, open *atomic.Bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		switch {
		case !open.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case id != "evident" || secret != "s3cret" || r.FormValue("scope") != "kafka":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
		default:
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":"60"}`, token(time.Minute))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestATokenEndpointIsWaitedForAndLetsIn(t *testing.T) {
	var open atomic.Bool
	url := endpoint(t, &open)
	client := func(secret string) []string {
		return trusted("--kafka-sasl-mechanism", "OAUTHBEARER", "--kafka-token-url", url, "--kafka-token-scope", "kafka", "--kafka-user", "evident", "--kafka-password", kept(t, secret))
	}
	n := serve(t, client("s3cret")...)
	n.says(`reason="cannot authenticate to 127.*: token endpoint http://127\S+: answered 503 Service Unavailable"`)
	open.Store(true)
	n.ready()
	if said := refused(t, client("wrong")...); !strings.HasSuffix(said, "401 Unauthorized: invalid_client ") && !strings.HasSuffix(said, "401 Unauthorized: invalid_client") {
		t.Errorf("a wrong secret: %s", said)
	}
}

// admin is a client of the cluster that owes evident nothing.
func admin(t *testing.T) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(kafka.plaintext, ",")...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestTopicsHaveTheReplicasAskedFor(t *testing.T) {
	adm := kadm.NewClient(admin(t))
	brokers, err := adm.ListBrokers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	demo := exec.CommandContext(t.Context(), kafka.program, append([]string{"demo", "--exit", "--listen-http", "127.0.0.1:0", "--replication-factor", strconv.Itoa(len(brokers))},
		login(t, "SCRAM-SHA-512", "alice", "alice-secret")...)...)
	if out, err := demo.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	topics, err := adm.ListTopics(t.Context())
	if err != nil || !topics.Has("orders") {
		t.Fatalf("topics %v, %v", topics.Names(), err)
	}
	for _, topic := range topics {
		if n := topic.Partitions.NumReplicas(); n != len(brokers) {
			t.Errorf("%s has %d replicas, want %d", topic.Topic, n, len(brokers))
		}
	}
}

// level sets the level of one of the cluster's features.
func level(t *testing.T, client *kgo.Client, feature string, level int16, upgrade int8) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // also after the test
	defer cancel()
	req := kmsg.NewPtrUpdateFeaturesRequest()
	req.TimeoutMillis = 10_000
	update := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	update.Feature, update.MaxVersionLevel, update.UpgradeType = feature, level, upgrade
	req.FeatureUpdates = append(req.FeatureUpdates, update)
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		t.Fatalf("%s to level %d: %v", feature, level, err)
	}
}

// A feature that is there and switched off is told, at the start and when it changes.
func TestWhatTheClusterLacksIsListed(t *testing.T) {
	const upgrade, downgrade = 1, 2
	client := admin(t)
	level(t, client, "share.version", 0, downgrade)
	t.Cleanup(func() { level(t, client, "share.version", 2, upgrade) })
	n := serve(t, "--kafka", kafka.plaintext)
	n.says(`brokers=\d lacks="share groups \(KIP-932, Kafka 4\.2\), dead letters of share groups \(KIP-1191, Kafka 4\.4\)"`)
	n.ready()
	level(t, client, "share.version", 1, upgrade)
	n.says(`brokers=\d lacks="dead letters of share groups \(KIP-1191, Kafka 4\.4\)"`)
}
