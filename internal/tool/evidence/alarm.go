package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger/monitor"
	"github.com/evidentlog/evident/internal/tool"
)

// How an alarm is posted.
const (
	alarmTries   = 4
	alarmPause   = 500 * time.Millisecond // doubled after each try
	alarmTimeout = 10 * time.Second
)

// An outlet is where alarms go.
type outlet struct {
	env    tool.Env
	url    string
	topic  string
	client *tool.Client // of topic
}

// outlet connects to the cluster if alarms go there: whoever wants to be told
// by it should learn at once if they cannot be.
func (m Monitor) outlet(ctx context.Context, env tool.Env) (*outlet, error) {
	o := &outlet{env: env, url: m.AlarmURL, topic: m.AlarmTopic}
	if o.url != "" {
		if u, err := url.Parse(o.url); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, tool.Usagef("--alarm-url %q is no URL with http:// or https:// and a host", o.url)
		}
	}
	if o.topic == "" {
		return o, nil
	}
	var err error
	o.client, err = env.Connect(ctx, kgo.DefaultProduceTopic(o.topic), kgo.RecordDeliveryTimeout(env.Cluster.Timeout))
	return o, err
}

func (o *outlet) close() {
	if o.client != nil {
		o.client.Close()
	}
}

// raise hands an alarm to all who are to have it. An error tells of those who
// did not get it.
func (o *outlet) raise(ctx context.Context, e monitor.Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.env.Out, "%s\n", line)
	if o.url != "" {
		err = errors.Join(err, o.post(ctx, e))
	}
	if o.topic != "" {
		err = errors.Join(err, o.produce(ctx, e))
	}
	return err
}

// post sends an event in the binary mode of CloudEvents' HTTP binding.
func (o *outlet) post(ctx context.Context, e monitor.Event) error {
	pause := alarmPause
	for try := 1; ; try++ {
		err := o.tryPost(ctx, e)
		if err == nil || try == alarmTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause *= 2
	}
}

func (o *outlet) tryPost(ctx context.Context, e monitor.Event) error {
	ctx, cancel := context.WithTimeout(ctx, alarmTimeout)
	defer cancel()
	data, err := json.Marshal(e.Data)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", monitor.ContentType)
	for name, value := range e.Attributes() {
		req.Header.Set("ce-"+name, headerValue(value))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<16) // so that the connection can be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%s answered the alarm with %s", o.url, resp.Status)
	}
	return nil
}

// headerValue percent-encodes what CloudEvents' HTTP binding (section 3.1.3.2)
// does not let stand in a header.
func headerValue(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// produce sends an event in the binary mode of CloudEvents' Kafka binding.
func (o *outlet) produce(ctx context.Context, e monitor.Event) error {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return err
	}
	r := &kgo.Record{Key: []byte(e.Subject), Value: data, Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte(monitor.ContentType)}}}
	attributes := e.Attributes()
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: "ce_" + name, Value: []byte(attributes[name])})
	}
	err = o.client.ProduceSync(ctx, r).FirstErr()
	return o.client.Explain(ctx, err)
}
