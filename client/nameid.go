package client

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// nameID makes an id that follows from texts: a UUID of version 8 (RFC 9562, section
// 5.8) whose free bits are the first ones of the SHA-256 of the texts, each behind its
// length.
func nameID(texts ...string) string {
	h := sha256.New()
	for _, t := range texts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(t))))
		h.Write([]byte(t))
	}
	b := h.Sum(nil)[:16]
	b[6] = 0x80 | b[6]&0x0f
	b[8] = 0x80 | b[8]&0x3f
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
