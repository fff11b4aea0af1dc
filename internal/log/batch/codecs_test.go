package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/pierrec/lz4/v4"
)

// payload replaces what follows the header of a batch of count records.
func payload(t testing.TB, codec Codec, count int32, b []byte) Batch {
	t.Helper()
	batch := append(build(t, produced(codec), Record{Timestamp: now})[:HeaderSize:HeaderSize], b...)
	setLength(batch, int32(len(batch)-PrefixSize))
	setCount(batch, count)
	batch.seal()
	return batch
}

// compressed is b compressed.
func compressed(t testing.TB, codec Codec, b []byte) []byte {
	t.Helper()
	out, err := new(Codecs).compress(codec, nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bomb is a record of n zeros.
func bomb(n int) []byte {
	fields := raw{value: make([]byte, n)}
	return fields.append(nil)
}

func TestBombsGetBoundedMemory(t *testing.T) {
	const size, bound = 64 << 20, 24 << 20
	c := new(Codecs)
	for codec := Gzip; codec <= Zstd; codec++ {
		b := payload(t, codec, 1, compressed(t, codec, bomb(size)))
		if codec == Snappy {
			b = payload(t, codec, 1, compressed(t, codec, bomb(size/22)))
		}
		for _, limit := range []int64{1 << 20, 128 << 20} {
			rules := lenient()
			rules.MaxDecompressed = limit
			before := allocated()
			_, err := c.Validate(b, rules)
			if got := allocated() - before; got > bound {
				t.Errorf("%v, limit %d: %d bytes allocated", codec, limit, got)
			}
			if limit > size != (err == nil) || err != nil && !errors.Is(err, ErrInvalidRecord) {
				t.Errorf("%v, limit %d: %v", codec, limit, err)
			}
		}
	}
}

// allocated is the number of bytes ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestClaimsGetNoMemory(t *testing.T) {
	huge := binary.AppendUvarint(nil, math.MaxUint32)
	tooWide := zstdFrame(28, bomb(10))
	claim := appendVarint(nil, math.MaxInt32)
	for name, b := range map[string]Batch{
		"snappy block":           payload(t, Snappy, 1, append(huge, 0, 0)),
		"snappy block in xerial": payload(t, Snappy, 1, xerial(append(huge, 0, 0))),
		"zstd window":            payload(t, Zstd, 1, tooWide),
		"record length":          payload(t, LZ4, 1, compressed(t, LZ4, claim)),
		"record count":           payload(t, LZ4, math.MaxInt32, compressed(t, LZ4, bomb(5))),
		"header count":           payload(t, Gzip, 1, compressed(t, Gzip, append([]byte{40, 0, 0, 0, 1, 1}, claim...))),
	} {
		c := new(Codecs)
		before := allocated()
		_, err := c.Validate(b, lenient())
		validated := allocated()
		readErr := error(nil)
		for _, readErr = range c.Records(b) {
		}
		// Each on its own: under the race detector a sync.Pool forgets some
		// of what it is given, and then reading makes a second decompressor.
		if v, r := validated-before, allocated()-validated; v > 9<<20 || r > 9<<20 {
			t.Errorf("%s: %d bytes allocated to validate, %d to read", name, v, r)
		}
		if !errors.Is(err, ErrInvalidRecord) || !errors.Is(readErr, ErrInvalidRecord) {
			t.Errorf("%s: %v, and when read %v", name, err, readErr)
		}
	}
}

// xerial frames one block.
func xerial(block []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte(xerialHeader), uint32(len(block))), block...)
}

// zstdFrame is a frame that wants a window of 1<<log bytes and holds b in one
// raw block (RFC 8878, section 3.1.1).
func zstdFrame(log int, b []byte) []byte {
	block := uint32(len(b))<<3 | 1
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, byte(log-10) << 3, byte(block), byte(block >> 8), byte(block >> 16)}
	return append(frame, b...)
}

func TestZstdWindowsUpToTheJavaClientsAreRead(t *testing.T) {
	c := new(Codecs)
	for _, log := range []int{10, 23, 24, 27} {
		b := payload(t, Zstd, 1, zstdFrame(log, bomb(100)))
		if wide := wideWindow(b.Payload()); wide != (log > 23) {
			t.Errorf("window of 1<<%d is wide: %v", log, wide)
		}
		for range 2 {
			if _, err := c.Validate(b, lenient()); err != nil {
				t.Errorf("window of 1<<%d: %v", log, err)
			}
		}
		if r := collect(t, c, b)[0]; len(r.Value) != 100 {
			t.Errorf("window of 1<<%d: value of %d bytes", log, len(r.Value))
		}
	}
}

func TestOurZstdWantsNoWideWindow(t *testing.T) {
	for _, n := range []int{10, 1 << 20, 20 << 20} {
		if wideWindow(compressed(t, Zstd, bomb(n))) {
			t.Errorf("%d bytes compressed want a wide window", n)
		}
	}
}

func TestSnappyIsReadFramedAndPlain(t *testing.T) {
	want := samples()
	records := build(t, produced(None), want...).Payload()
	block := func(b []byte) []byte { return s2.EncodeSnappy(nil, b) }
	for name, p := range map[string][]byte{
		"plain":        block(records),
		"one block":    xerial(block(records)),
		"two blocks":   append(xerial(block(records[:77])), xerial(block(records[77:]))[len(xerialHeader):]...),
		"empty blocks": append(xerial(block(nil)), xerial(block(records))[len(xerialHeader):]...),
	} {
		b := payload(t, Snappy, int32(len(want)), p)
		if _, err := new(Codecs).Validate(b, lenient()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string][]byte{
		"header only in part": []byte(xerialHeader[:12]),
		"length cut":          []byte(xerialHeader + "\x00\x00"),
		"block cut":           []byte(xerialHeader + "\x00\x00\x00\x09\x01"),
		"garbage":             []byte("garbage"),
		"nothing":             {},
	} {
		if _, err := new(Codecs).Validate(payload(t, Snappy, 1, p), lenient()); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLZ4TheJavaClientCannotReadIsRefused(t *testing.T) {
	good := compressed(t, LZ4, bomb(100))
	if _, err := new(Codecs).Validate(payload(t, LZ4, 1, lz4Frame(t, 0x60, bomb(100))), lenient()); err != nil {
		t.Errorf("independent blocks: %v", err)
	}
	for name, p := range map[string][]byte{
		"dependent blocks": lz4Frame(t, 0x40, bomb(100)),
		"legacy frame":     {0x02, 0x21, 0x4c, 0x18, 0, 0, 0, 0},
		"cut":              good[:4],
		"nothing":          {},
	} {
		if _, err := new(Codecs).Validate(payload(t, LZ4, 1, p), lenient()); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// lz4Frame is a frame with the given flags that holds b in one raw block. The
// header's checksum is found by trying.
func lz4Frame(t testing.TB, flags byte, b []byte) []byte {
	t.Helper()
	le := binary.LittleEndian
	frame := append(le.AppendUint32(nil, lz4Magic), flags, 0x40, 0)
	frame = append(le.AppendUint32(frame, uint32(len(b))|1<<31), b...)
	frame = le.AppendUint32(frame, 0)
	for sum := range 256 {
		frame[6] = byte(sum)
		if got, err := io.ReadAll(lz4.NewReader(bytes.NewReader(frame))); err == nil && bytes.Equal(got, b) {
			return frame
		}
	}
	t.Fatal("no checksum fits")
	return nil
}

func TestDamagedPayloadsAreRefused(t *testing.T) {
	c := new(Codecs)
	for codec := Gzip; codec <= Zstd; codec++ {
		good := compressed(t, codec, build(t, produced(None), samples()...).Payload())
		for n := range len(good) - 1 {
			if n%61 != 0 && n > 40 {
				continue // every cut of the start, and some of the rest
			}
			if _, err := c.Validate(payload(t, codec, int32(len(samples())), good[:n]), lenient()); !errors.Is(err, ErrInvalidRecord) {
				t.Fatalf("%v cut to %d of %d bytes: %v", codec, n, len(good), err)
			}
		}
		if _, err := c.Validate(payload(t, codec, int32(len(samples())), good), lenient()); err != nil {
			t.Fatalf("%v: %v after the damaged ones", codec, err)
		}
	}
}

func TestRecordsLargerThanTheWindow(t *testing.T) {
	c := new(Codecs)
	var want []Record
	for i, n := range []int{1, windowSize - 20, 5, windowSize, 3 * windowSize, 7, 1 << 20, 1} {
		want = append(want, Record{Offset: int64(i), Timestamp: now, Key: text(i, n/3), Value: text(i, n)})
	}
	for _, codec := range codecs {
		b := build(t, produced(codec), want...)
		if _, err := c.Validate(b, lenient()); err != nil {
			t.Fatalf("%v: %v", codec, err)
		}
		sameRecords(t, collect(t, c, b), want)
	}
}

func TestCodecsMayBeSharedByGoroutines(t *testing.T) {
	c := new(Codecs)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 20 {
				codec := codecs[(i+n)%len(codecs)]
				records := samples()[:(i+1)*(n+1)]
				b := build(t, produced(codec), records...)
				if _, err := c.Validate(b, lenient()); err != nil {
					t.Error(err)
				}
				wide := payload(t, Zstd, 1, zstdFrame(24, bomb(100)))
				if _, err := c.Validate(wide, lenient()); err != nil {
					t.Error(err)
				}
				i := 0
				for r, err := range c.Records(b) {
					if err != nil || show(r) != show(records[i]) {
						t.Errorf("%v: record %d: %v", codec, i, err)
						return
					}
					i++
				}
			}
		})
	}
	wg.Wait()
}
