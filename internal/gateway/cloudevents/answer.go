package cloudevents

import (
	"net/http"
	"strconv"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/gateway/intake"
)

// appendPlace appends where an event is, as JSON: with its index, if that is not
// negative.
func appendPlace(dst []byte, index int, e *event.Event, topic string, o intake.Outcome) []byte {
	dst = append(dst, '{')
	if index >= 0 {
		dst = append(dst, `"index":`...)
		dst = append(strconv.AppendInt(dst, int64(index), 10), ',')
	}
	dst = append(dst, `"id":"`...)
	dst = appendText(dst, e.ID)
	dst = append(dst, `","topic":"`...)
	dst = appendText(dst, topic)
	dst = append(dst, `","partition":`...)
	dst = strconv.AppendInt(dst, int64(o.Partition), 10)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendInt(dst, o.Offset, 10)
	return append(dst, '}')
}

// appendText appends what stands between the quotation marks of a string in JSON: a
// String of CloudEvents, which has no control characters.
func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return dst
}

// accept answers 202: the events are durable.
func accept(w http.ResponseWriter, kind string, text []byte) {
	h := w.Header()
	h["Content-Type"] = []string{kind}
	h["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(text) // who is gone sends it again, and gets the same answer
}
