package evidenttest

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// Of a topic's partition the last records are shown, and of data the first bytes.
const (
	shownRecords = 5
	shownBytes   = 200
)

// report is what is there instead of what was waited for.
func (n *Node) report(c Condition) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if n.running() == nil {
		return "the node is down: its power was cut; Restart starts it again"
	}
	var b strings.Builder
	topics, err := n.look.all(ctx)
	if err != nil {
		return fmt.Sprintf("what is there cannot be seen: %v", err)
	}
	shown := c.topics
	for _, t := range topics {
		if len(c.topics) == 0 {
			shown = append(shown, t.name)
		}
	}
	for _, name := range shown {
		reportTopic(&b, name, topics)
	}
	if !c.groups {
		return b.String()
	}
	groups, err := n.look.groups(ctx, topics)
	if err != nil {
		fmt.Fprintf(&b, "the groups cannot be seen: %v\n", err)
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "group %v\n", g)
	}
	n.reportTransactions(ctx, &b)
	return b.String()
}

func reportTopic(b *strings.Builder, name string, topics []*topic) {
	for _, t := range topics {
		if t.name != name {
			continue
		}
		fmt.Fprintf(b, "topic %s: %s\n", name, count(len(t.records()), "record"))
		for i := range t.partitions {
			reportPartition(b, i, &t.partitions[i])
		}
		return
	}
	fmt.Fprintf(b, "topic %s does not exist\n", name)
}

func reportPartition(b *strings.Builder, number int, p *partition) {
	fmt.Fprintf(b, "  partition %d: %s", number, count(len(p.records), "record"))
	if p.stable < p.end {
		fmt.Fprintf(b, ", and a transaction is open from offset %d on", p.stable)
	}
	b.WriteByte('\n')
	records := p.records
	if more := len(records) - shownRecords; more > 0 {
		fmt.Fprintf(b, "    … %d earlier\n", more)
		records = records[more:]
	}
	for _, r := range records {
		fmt.Fprintf(b, "    %s\n", line(r))
	}
}

// line is a record in a line: offset, time, key, and the event that it is.
func line(r *kgo.Record) string {
	e := eventOf(r)
	words := []string{fmt.Sprint(r.Offset), r.Timestamp.UTC().Format("15:04:05.000"), text(r.Key)}
	if e.Type != event.ViewType {
		words = append(words, e.Type, "id="+e.ID)
		if e.Subject != "" {
			words = append(words, "subject="+e.Subject)
		}
	}
	return strings.Join(append(words, text(e.Data)), " ")
}

// text is bytes as they are read best.
func text(b []byte) string {
	more := ""
	if len(b) > shownBytes {
		b, more = b[:shownBytes], "…"
	}
	switch {
	case b == nil:
		return "-"
	case !utf8.Valid(b):
		return fmt.Sprintf("0x%x", b) + more
	}
	return string(b) + more
}

func (n *Node) reportTransactions(ctx context.Context, b *strings.Builder) {
	admin, err := n.look.admin()
	if err != nil {
		return
	}
	open, err := admin.ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil {
		fmt.Fprintf(b, "the transactions cannot be seen: %v\n", err)
	}
	for _, t := range open.Sorted() {
		fmt.Fprintf(b, "transaction %s is open\n", t.TxnID)
	}
}
