package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// writeNext writes what to try next: against the running node, or, when it is
// about to stop, how to get one that stays.
func (r *Report) writeNext(w io.Writer, stay bool) error {
	var b strings.Builder
	switch {
	case stay:
		r.nextRunning(&b)
	case r.shared:
		fmt.Fprintf(&b, "\nThe events are on the cluster. To look at them:\n")
		r.nextCommands(&b, " -b "+r.Kafka)
	case r.Data != "":
		fmt.Fprintf(&b, "\nThe events are in %s. To look at them:\n  evident serve --data %s\n", r.Data, quote(r.Data))
		r.nextCommands(&b, "")
	default:
		fmt.Fprint(&b, "\nThe events were in a temporary folder, now removed. To keep them: evident demo --data ./demo-data\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) nextRunning(b *strings.Builder) {
	fmt.Fprintf(b, "\nThe node stays up (Kafka %s", r.Kafka)
	if r.HTTP != "" {
		fmt.Fprintf(b, ", HTTP http://%s", r.HTTP)
	}
	fmt.Fprint(b, ") until you press Ctrl-C. In another terminal, try:\n")
	r.nextCommands(b, " -b "+r.Kafka)
	if r.HTTP != "" {
		if r.FirstOrder != "" {
			fmt.Fprintf(b, "  curl http://%s/v1/processors/%s/state/%s\n", r.HTTP, serviceOrderState, r.FirstOrder)
		}
		fmt.Fprintf(b, "  curl http://%s/metrics\n", r.HTTP)
	}
}

// nextCommands writes commands that read what the run left behind.
func (r *Report) nextCommands(b *strings.Builder, brokers string) {
	fmt.Fprintf(b, "  evident topic list%s\n", brokers)
	fmt.Fprintf(b, "  evident consume %s -n 3 -f json%s\n", TopicOrders, brokers)
	fmt.Fprintf(b, "  evident consume %s -e%s\n", TopicSuspicious, brokers)
	fmt.Fprintf(b, "  evident consume %s -n 5%s\n", TopicRefusedRows, brokers)
	if r.FirstOrder != "" { // one order's way through all services
		way := slices.DeleteFunc(topics(), func(t string) bool { return t == TopicRefusedRows })
		fmt.Fprintf(b, "  evident consume %s -e -f '%%t %%v\\n'%s | grep %s\n", strings.Join(way, " "), brokers, quote(`"`+r.FirstOrder+`"`))
	}
	fmt.Fprintf(b, "  evident group describe %s%s\n", serviceNotification, brokers)
}

// quote makes a path safe to paste into a shell.
func quote(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return !strings.ContainsRune(safe, r) }) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:"
