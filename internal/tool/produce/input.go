package produce

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/tool/format"
	"github.com/evidentlog/evident/internal/tool/progress"
)

// input is what is read, from one stream after another.
type input struct {
	streams []stream
	size    int64         // bytes of all streams; 0 if one of them is no file
	bar     *progress.Bar // told of the bytes that were read; may be nil
}

type stream struct {
	name string
	io.Reader
	close func() error
}

// openInput opens files; "-", and no files at all, is standard input.
func openInput(standard io.Reader, files []string) (*input, error) {
	if len(files) == 0 {
		files = []string{"-"}
	}
	in, unsized := &input{}, false
	for _, name := range files {
		if name == "-" {
			in.streams = append(in.streams, stream{"standard input", standard, func() error { return nil }})
			unsized = true
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			in.close()
			return nil, fmt.Errorf("cannot read the input: %w", err)
		}
		in.streams = append(in.streams, stream{name, f, f.Close})
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			in.size += info.Size()
		} else {
			unsized = true
		}
	}
	if unsized {
		in.size = 0
	}
	return in, nil
}

// close closes all streams, which were only read.
func (in *input) close() {
	for _, s := range in.streams {
		_ = s.close()
	}
}

// item is a record, or why there is none.
type item struct {
	*kgo.Record
	err error
}

// source returns the records to produce, as [format.Reader] does, until ctx
// ends.
//
// Somebody else's pipe or terminal may be silent for ever and a read from it
// cannot be interrupted, so reading has its own goroutine. It ends with the
// input or, if that is silent, with the process.
func (s *sender) source(ctx context.Context, in *input) format.Reader {
	items := make(chan item, 1024)
	go func() {
		read := s.reader(in)
		for {
			r, err := read()
			select {
			case items <- item{r, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return func() (*kgo.Record, error) {
		select {
		case i := <-items: // also after the end of ctx: it was read
			return i.Record, i.err
		default:
		}
		select {
		case i := <-items:
			return i.Record, i.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// reader reads all streams, completes their records as the flags say, and repeats
// them if it should.
func (s *sender) reader(in *input) format.Reader {
	read := s.chained(in)
	headers, _ := s.headers() // checked before
	var seen []kgo.Record
	return func() (*kgo.Record, error) {
		r, err := read()
		if err == io.EOF && s.Repeat && len(seen) > 0 {
			read = replay(seen)
			return read()
		}
		if err != nil {
			return nil, err
		}
		s.complete(r, headers)
		if s.Repeat {
			seen = append(seen, *r)
		}
		return r, nil
	}
}

// replay returns copies of records again and again. Times are left to the
// moment of producing where the input gave none.
func replay(records []kgo.Record) format.Reader {
	next := 0
	return func() (*kgo.Record, error) {
		r := records[next]
		next = (next + 1) % len(records)
		return &r, nil
	}
}

// chained reads one stream after another. Errors name the stream.
func (s *sender) chained(in *input) format.Reader {
	var read format.Reader
	next := 0
	return func() (*kgo.Record, error) {
		for {
			if read == nil {
				if next == len(in.streams) {
					return nil, io.EOF
				}
				read = s.formatted(counted{in.streams[next], in.bar})
			}
			r, err := read()
			switch {
			case err == nil:
				return r, nil
			case err != io.EOF:
				return nil, fmt.Errorf("%s: %w", in.streams[next].name, err)
			}
			read = nil
			next++
		}
	}
}

func (s *sender) formatted(in io.Reader) format.Reader {
	if s.Format == "json" {
		return format.JSON(in)
	}
	return format.Lines(in, s.KeyDelimiter)
}

// complete adds what the flags give to every record.
func (s *sender) complete(r *kgo.Record, headers []kgo.RecordHeader) {
	if r.Key == nil && s.Key != nil {
		r.Key = []byte(*s.Key)
	}
	if s.Tombstone && len(r.Value) == 0 {
		r.Value = nil
	}
	r.Headers = append(r.Headers, headers...)
	r.Partition = max(0, s.Partition)
}

// counted tells a bar how many bytes were read.
type counted struct {
	io.Reader
	bar *progress.Bar
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bar.Add(int64(n))
	return n, err
}
