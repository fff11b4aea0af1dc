package engine

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/interop/evident"
)

// Variables that say where everything is.
const (
	folderVariable  = "KAFKA_FOLDER" // of interop/kafka.sh start --secure
	programVariable = "EVIDENT"      // evident; it is built if there is none
)

// kafka is the cluster, as interop/kafka.sh tells it. It is set once, before the tests.
var kafka struct {
	program              string
	folder               string
	plaintext, ssl, sasl string // addresses of the listeners
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "evident-engine")
	if err == nil {
		err = meet(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(2)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
	}
	os.Exit(code)
}

// meet finds the cluster and the program.
func meet(dir string) (err error) {
	if kafka.folder = os.Getenv(folderVariable); kafka.folder == "" {
		return fmt.Errorf("%s names no cluster: run interop/engine.sh, which starts one", folderVariable)
	}
	for name, address := range map[string]*string{"plaintext": &kafka.plaintext, "ssl": &kafka.ssl, "sasl_ssl": &kafka.sasl} {
		text, err := os.ReadFile(filepath.Join(kafka.folder, name))
		if err != nil {
			return err
		}
		*address = strings.TrimSpace(string(text))
	}
	if kafka.program = os.Getenv(programVariable); kafka.program == "" {
		kafka.program, err = evident.Build(context.Background(), dir)
	}
	return err
}

// file is one that the cluster's script has made.
func file(name string) string { return filepath.Join(kafka.folder, name) }

// trusted is the SASL listener, whose certificate is trusted.
func trusted(flags ...string) []string {
	return append([]string{"--kafka", kafka.sasl, "--kafka-tls-ca", file("ca.pem")}, flags...)
}

// token is an unsecured JWT (RFC 7519, section 6), as Kafka's validator for tests
// wants it, good for so long.
func token(lifetime time.Duration) string {
	part := func(format string, args ...any) string {
		return base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf(format, args...)))
	}
	now := time.Now()
	return part(`{"alg":"none"}`) + "." + part(`{"sub":"alice","iat":%d,"exp":%d}`, now.Add(-time.Hour).Unix(), now.Add(lifetime).Unix()) + "."
}

// kept writes a secret into a file and returns the reference to it.
func kept(t *testing.T, secret string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file:" + name
}
