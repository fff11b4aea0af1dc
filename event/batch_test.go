package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func smallEvent(i int) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/s","type":"t","datacontenttype":"text/plain","data":"é %d"}`, i, i)
}

// readAll reads ids of events, and errors that leave others readable, until the end.
func readAll(next func() (Event, error)) (ids []string, bad []int, data [][]byte, err error) {
	for {
		e, err := next()
		var b *BatchError
		switch {
		case err == nil:
			ids, data = append(ids, e.ID), append(data, e.Data)
		case errors.As(err, &b) && errors.Is(err, ErrInvalid):
			bad = append(bad, b.Index)
		case errors.Is(err, io.EOF) && !errors.Is(err, ErrSyntax):
			return ids, bad, data, nil
		default:
			return ids, bad, data, err
		}
	}
}

// However a stream comes in pieces, the same events come out of it, and their data
// stay as they are while it goes on.
func TestABatchInPieces(t *testing.T) {
	const events = 2000 // several chunks
	var text strings.Builder
	text.WriteString(" [ ")
	for i := range events {
		if i > 0 {
			text.WriteString(" ,\n")
		}
		if i == 1000 {
			text.WriteString(`{"specversion":"1.0","id":""}`)
			continue
		}
		text.WriteString(smallEvent(i))
	}
	text.WriteString(" ]\n")
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(text.String()), "bytes": iotest.OneByteReader(strings.NewReader(text.String())),
		"halves": iotest.HalfReader(strings.NewReader(text.String())), "data with EOF": iotest.DataErrReader(strings.NewReader(text.String())),
	} {
		ids, bad, data, err := readAll(NewBatchReader(r, Limits{EventBytes: 1000}).Next)
		if err != nil || len(ids) != events-1 || fmt.Sprint(bad) != "[1000]" {
			t.Fatalf("%s: %d events, bad %v, %v", name, len(ids), bad, err)
		}
		for i, d := range data {
			if want := "é " + ids[i]; string(d) != want {
				t.Fatalf("%s: data %q, want %q", name, d, want)
			}
		}
	}
}

func TestBatchesAreRefusedWithTheReason(t *testing.T) {
	e := smallEvent(1)
	for _, tc := range []struct {
		text, want string
		is         error
		events     int // that are read before
	}{
		{``, "ends too early", ErrSyntax, 0},
		{` `, "ends too early", io.ErrUnexpectedEOF, 0},
		{`{}`, "begins with [", ErrSyntax, 0},
		{`[`, "ends too early", io.ErrUnexpectedEOF, 0},
		{`[]x`, "follows the batch", ErrSyntax, 0},
		{`[1]`, "begins with {", ErrSyntax, 0},
		{`[` + e, "ends too early", ErrSyntax, 1},
		{`[` + e + `,`, "event 1 of the batch", ErrSyntax, 1},
		{`[` + e + `,]`, "event 1 of the batch", ErrSyntax, 1},
		{`[` + e + ` ` + e, "want a comma", ErrSyntax, 1},
		{`[` + e + `,{"a":x`, fmt.Sprintf("byte %d", len(e)+7), ErrSyntax, 1},
		{`[` + e + `,{"a":"x`, "ends too early", io.ErrUnexpectedEOF, 1},
		{`[` + e + `,{"a":"` + "\xff" + `"}]`, "not UTF-8", ErrSyntax, 1},
		{`[` + e + `,` + e + `,` + e + `,` + e + `]`, "more than 3 events", ErrTooLarge, 3},
		{`[{"data":"` + strings.Repeat("x", 200<<10) + `"}]`, "more than 1000 bytes", ErrTooLarge, 0},
		{`[{"data":"` + strings.Repeat("x", 1000) + `"}]`, "more than 1000 bytes", ErrTooLarge, 0},
		{`[{"data":` + strings.Repeat("[", 200<<10) + `}]`, "too deep", ErrSyntax, 0},
	} {
		for _, r := range []io.Reader{strings.NewReader(tc.text), iotest.OneByteReader(strings.NewReader(tc.text))} {
			b := NewBatchReader(r, Limits{EventBytes: 1000, Events: 3})
			ids, _, _, err := readAll(b.Next)
			if tc.want == "too deep" && errors.Is(err, ErrTooLarge) {
				continue // what is seen first depends on the pieces
			}
			mustContain(t, err, tc.want)
			if !errors.Is(err, tc.is) || len(ids) != tc.events {
				t.Errorf("%.40s: %d events, %v is not %v", tc.text, len(ids), err, tc.is)
			}
			if _, again := b.Next(); !errors.Is(again, err) {
				t.Errorf("%.40s: after the end %v", tc.text, again)
			}
		}
	}
}

// A reader takes no more memory than one event may have, and what is read ahead.
func TestABatchIsReadInBoundedMemory(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`[{"data":"`), zeros{})
	b := NewBatchReader(endless, Limits{EventBytes: 1 << 20})
	_, err := b.Next()
	if !errors.Is(err, ErrTooLarge) || cap(b.buf) > 3<<20 {
		t.Fatalf("%v with %d bytes", err, cap(b.buf))
	}
	l := NewLineReader(zeros{}, Limits{EventBytes: 1 << 20})
	if _, err := l.Next(); !errors.Is(err, ErrTooLarge) || cap(l.buf) > 3<<20 {
		t.Fatalf("%v with %d bytes", err, cap(l.buf))
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

func TestAStreamThatFailsSaysHow(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, text := range []string{"", "[", "[" + smallEvent(1)[:10], "[" + smallEvent(1)} {
		r := io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))
		if _, _, _, err := readAll(NewBatchReader(r, Limits{}).Next); !errors.Is(err, broken) {
			t.Errorf("%s: %v", text, err)
		}
		r = io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))
		if _, _, _, err := readAll(NewLineReader(r, Limits{}).Next); !errors.Is(err, broken) {
			t.Errorf("line %s: %v", text, err)
		}
	}
}

// What was read of a live stream is given at once.
func TestALineIsGivenWhenItIsThere(t *testing.T) {
	in, out := io.Pipe()
	defer in.Close()
	r := NewLineReader(in, Limits{})
	for i := range 3 {
		sent := make(chan error)
		go func() {
			_, err := io.WriteString(out, smallEvent(i)+"\n")
			sent <- err
		}()
		e, err := r.Next()
		if err != nil || e.ID != fmt.Sprint(i) {
			t.Fatalf("%+v, %v", e, err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

func TestLines(t *testing.T) {
	text := "\n" + smallEvent(1) + "\r\n \nnot JSON\n" + `{"specversion":"1.0"}` + "\n" + smallEvent(2)
	for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		l := NewLineReader(r, Limits{})
		var got []string
		for {
			e, err := l.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				got = append(got, err.Error())
				continue
			}
			got = append(got, e.ID)
		}
		want := []string{
			"1", "event 1 of the batch: line 4: invalid JSON: byte 0: want {",
			"event 2 of the batch: line 5: invalid event: id is missing", "2",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q", got)
		}
	}
	l := NewLineReader(strings.NewReader(smallEvent(1)+"\n"+smallEvent(2)), Limits{Events: 1})
	if _, _, _, err := readAll(l.Next); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
}

// How large a line may be does not depend on how it comes.
func TestALineThatIsTooLargeIsRefused(t *testing.T) {
	line := smallEvent(1)
	for _, end := range []string{"", "\n", "\n" + smallEvent(2)} {
		for room, want := range map[int]error{len(line) - 1: ErrTooLarge, len(line): nil} {
			for _, r := range []io.Reader{strings.NewReader(line + end), iotest.OneByteReader(strings.NewReader(line + end))} {
				if _, err := NewLineReader(r, Limits{EventBytes: room}).Next(); !errors.Is(err, want) {
					t.Errorf("a line of %d bytes and %q, %d allowed, by %T: %v", len(line), end, room, r, err)
				}
			}
		}
	}
}

func TestAppendBatchIsReadBack(t *testing.T) {
	for n := range 3 {
		events := make([]Event, n)
		for i := range events {
			events[i] = valid()
		}
		text, err := AppendBatch(nil, events...)
		if err != nil {
			t.Fatal(err)
		}
		ids, bad, _, err := readAll(NewBatchReader(bytes.NewReader(text), Limits{}).Next)
		if err != nil || len(ids) != n || len(bad) > 0 {
			t.Fatalf("%s: %v, %v, %v", text, ids, bad, err)
		}
	}
}
