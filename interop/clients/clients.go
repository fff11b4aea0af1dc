// Package clients has what the tests of other people's Go clients share: where
// the server is, and names that nobody has. The tests need a server;
// interop/go-clients.sh starts one and runs them.
package clients

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// Variable names the servers, host:port with commas between them.
const Variable = "EVIDENT_BROKERS"

// Wait is how long anything may take on a busy machine.
const Wait = time.Minute

// Servers are the addresses in Variable. Without any the test fails.
func Servers(t *testing.T) []string {
	t.Helper()
	servers := os.Getenv(Variable)
	if servers == "" {
		t.Fatalf("%s names no server: run interop/go-clients.sh, which starts one", Variable)
	}
	return strings.Split(servers, ",")
}

// Unique is a name for a topic or group that nobody has.
func Unique(prefix string) string {
	return fmt.Sprintf("%s-%08x", prefix, rand.Uint32())
}

// Eventually fails the test unless the condition holds within Wait.
func Eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(Wait); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Values are count different values that compress.
func Values(prefix string, count int) []string {
	values := make([]string, count)
	for i := range values {
		values[i] = fmt.Sprintf("%s %d %s", prefix, i, strings.Repeat("x", i%200))
	}
	return values
}

// Large is a value of 8 MB.
func Large() []byte {
	value := make([]byte, 8<<20)
	for i := range value {
		value[i] = byte(i * 31)
	}
	return value
}
