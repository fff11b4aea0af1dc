package tool_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/engine/cluster"
	"github.com/evidentlog/evident/internal/tool"
)

// listen answers every connection with what it is given, and closes it unless
// that is nothing.
func listen(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-served })
	go func() {
		defer close(served)
		var open []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, conn)
			_, _ = io.WriteString(conn, answer)
		}
		for _, conn := range open {
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func connect(address string, timeout time.Duration) error {
	env := tool.Env{Cluster: config.Client{Config: cluster.Config{Brokers: []string{address}}, Timeout: timeout}}
	return env.Admin(context.Background(), func(ctx context.Context, adm *kadm.Client) error {
		_, err := adm.ListTopics(ctx)
		return err
	})
}

func TestConnectSaysWhoAnswersThereInstead(t *testing.T) {
	web := listen(t, "HTTP/1.1 400 Bad Request\r\n\r\n")
	if err := connect(web, 5*time.Second); err == nil || err.Error() != web+" speaks HTTP and not the Kafka protocol: check --brokers" {
		t.Errorf("HTTP: %v", err)
	}
	silent := listen(t, "")
	err := connect(silent, 100*time.Millisecond)
	if err == nil || err.Error() != "no answer from "+silent+" within 100ms: is it busy, or is --timeout too short?" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
}

func TestAnUnreachableAdvertisedAddressIsNamed(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		broker := kmsg.NewMetadataResponseBroker()
		broker.NodeID, broker.Host, broker.Port = 7, "127.0.0.1", 1
		response.Brokers = append(response.Brokers, broker)
		response.ControllerID = 7
		return response, nil, true
	})
	env := tool.Env{Cluster: config.Client{Config: cluster.Config{Brokers: fake.ListenAddrs()}, Timeout: 300 * time.Millisecond}}
	err = env.Admin(t.Context(), func(ctx context.Context, adm *kadm.Client) error {
		_, err := adm.CreateTopics(ctx, 1, 1, nil, "t")
		return err
	})
	const want = `no broker at 127.0.0.1:1: start one with "evident serve", or name another with --brokers`
	if err == nil || err.Error() != want || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want %q", err, want)
	}
}
