package demo

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// day is a real day of orders; data/README.md says whose.
//
//go:embed data/online-retail-2010-12-09.csv.zst
var day []byte

// DayName is what reports call the orders that are shipped with the demo.
const DayName = "online retail, 2010-12-09"

// zstdMagic begins every zstd frame (RFC 8878, section 3.1.1).
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// maxWindow bounds the memory that a compressed file may ask for, in bytes.
const maxWindow = 128 << 20

// orders is an open source of rows.
type orders struct {
	name  string // for people
	rows  *rowReader
	close func() error
}

// openOrders opens the rows of a file, or of the day that is shipped. Whether
// the file is compressed is seen by its first bytes.
func openOrders(path string) (*orders, error) {
	if path == "" {
		rows, release, err := decodeOrders(bytes.NewReader(day))
		if err != nil {
			return nil, fmt.Errorf("orders of the day shipped: %w", err)
		}
		return &orders{DayName, rows, func() error { release(); return nil }}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("orders: %w", err)
	}
	rows, release, err := decodeOrders(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("orders %s: %w", path, err), f.Close())
	}
	return &orders{path, rows, func() error { release(); return f.Close() }}, nil
}

// decodeOrders unpacks r if need be. release frees the decoder.
func decodeOrders(r io.Reader) (rows *rowReader, release func(), err error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	release = func() {}
	var plain io.Reader = buffered
	magic, err := buffered.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if bytes.Equal(magic, zstdMagic) {
		decoder, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		plain, release = decoder, decoder.Close
	}
	rows, err = newRowReader(plain)
	if err != nil {
		release()
		return nil, nil, err
	}
	return rows, release, nil
}
