package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// runDiscard serves until the function it returns is called, which waits for
// the end.
func runDiscard(t *testing.T) (address string, end func() error) {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- RunDiscard(context.Background(), 2, inR, outW) }()
	line, err := bufio.NewReader(outR).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), func() error { _ = inW.Close(); return <-done }
}

func TestDiscardServerAcknowledgesAndEndsWithItsParent(t *testing.T) {
	address, end := runDiscard(t)
	for _, acks := range []string{"all", "1", "0"} {
		opts, err := acknowledgement(acks)
		if err != nil {
			t.Fatal(err)
		}
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(address), kgo.DefaultProduceTopic("any"))...)
		if err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord("a"), kgo.StringRecord("b")).FirstErr(); err != nil {
			t.Errorf("acks=%s: %v", acks, err)
		}
		cl.Close()
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("still listening after the parent's end of the pipe was closed")
	}
}

func TestDiscardServerClosesOnGarbage(t *testing.T) {
	address, end := runDiscard(t)
	frame := func(body string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + body
	}
	for name, bytes := range map[string]string{
		"huge length":     "\xff\xff\xff\xff",
		"empty request":   frame(""),
		"unknown key":     frame("\x7f\x00\x00\x00\x00\x00\x00\x01\x00\x00"),
		"long client id":  frame("\x00\x03\x00\x09\x00\x00\x00\x01\x7f\xff"),
		"cut body":        frame("\x00\x00\x00\x09\x00\x00\x00\x01\x00\x00\x00\x00\xff\xff"),
		"key not served":  frame("\x00\x01\x00\x04\x00\x00\x00\x01\x00\x00"),
		"half a sentence": "GET / HTTP/1.1\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, bytes); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(conn); len(got) != 0 {
			t.Errorf("%s: answered %x", name, got)
		}
		_ = conn.Close()
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}
