package anchor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/evidentlog/evident/proof"
)

// A frame is what the file of receipts has of one at a time: all but the length
// and the CRC in front of it.
//
//	state 1 · length of kind 1 · kind · size 8 · root hash 32 · time 8 · data
type frame struct {
	kind      string
	size      int64
	root      proof.Hash
	submitted time.Time
	Receipt
}

const (
	frameHead = 8       // length of the body and its CRC32C, 4 bytes each
	maxBody   = 1 << 20 // bytes; receipts have up to 64 KiB
	fixedBody = 1 + 1 + 8 + 32 + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (f *frame) encode() ([]byte, error) {
	body := append([]byte{byte(f.State), byte(len(f.kind))}, f.kind...)
	body = binary.BigEndian.AppendUint64(body, uint64(f.size))
	body = append(body, f.root[:]...)
	body = binary.BigEndian.AppendUint64(body, uint64(f.submitted.UnixMilli()))
	body = append(body, f.Data...)
	if len(f.kind) > 255 || len(body) > maxBody {
		return nil, fmt.Errorf("a receipt of %d bytes, and at most %d can be kept", len(f.Data), maxBody-fixedBody)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(body, castagnoli))
	return append(b, body...), nil
}

var errTorn = errors.New("it is cut off, or its checksum is wrong")

// decodeFrame reads the body of a frame.
func decodeFrame(body []byte) (*frame, error) {
	if len(body) < fixedBody || len(body) < fixedBody+int(body[1]) {
		return nil, fmt.Errorf("a frame of %d bytes", len(body))
	}
	f := &frame{Receipt: Receipt{State: State(body[0])}, kind: string(body[2 : 2+int(body[1])])}
	if f.State > Lost {
		return nil, fmt.Errorf("a receipt in state %d: is it from a newer version?", f.State)
	}
	body = body[2+len(f.kind):]
	f.size = int64(binary.BigEndian.Uint64(body))
	f.root = proof.Hash(body[8:40])
	f.submitted = time.UnixMilli(int64(binary.BigEndian.Uint64(body[40:]))).UTC()
	f.Data = body[48:]
	return f, nil
}
