package opentimestamps

import "encoding/binary"

// Tags of a branch that is not an operation.
const (
	attestationTag = 0x00
	moreTag        = 0xff // before each branch but the last
)

// Tags of the attestations that are known.
var (
	pendingTag = [8]byte{0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e}
	bitcoinTag = [8]byte{0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01}
)

// AppendTo appends the tree as ParseTree reads it.
func (t Tree) AppendTo(b []byte) []byte {
	for i := range t {
		if i < len(t)-1 {
			b = append(b, moreTag)
		}
		b = t[i].appendTo(b)
	}
	return b
}

func (b *Branch) appendTo(to []byte) []byte {
	if b.Attestation != nil {
		tag, payload := b.Attestation.encode()
		return appendBytes(append(append(to, attestationTag), tag[:]...), payload)
	}
	to = append(to, byte(b.Op))
	if b.Op.binary() {
		to = appendBytes(to, b.Argument)
	}
	return b.Then.AppendTo(to)
}

func (a *Attestation) encode() (tag [8]byte, payload []byte) {
	switch a.Kind {
	case Pending:
		return pendingTag, appendBytes(nil, []byte(a.URI))
	case Bitcoin:
		return bitcoinTag, binary.AppendUvarint(nil, uint64(a.Height))
	}
	return a.Tag, a.Payload
}

func appendBytes(to, b []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(b))), b...)
}
