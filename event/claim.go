package event

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Attributes of an event whose data is elsewhere, besides [DataRef].
const (
	// DataDigest is the digest of the data: sha256: and 64 hexadecimal digits.
	DataDigest = "datadigest"
	// DataSize is the size of the data in bytes, an Integer.
	DataSize = "datasize"
)

// ErrClaim says that data is not what an event in the log claims.
var ErrClaim = errors.New("not the data that the event claims")

// MaxClaim is how large data that is claimed can be, in bytes.
const MaxClaim = math.MaxInt32

// A Digest is the SHA-256 of data.
type Digest [sha256.Size]byte

const digestPrefix = "sha256:"

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest { return sha256.Sum256(data) }

// String returns the digest as the attribute [DataDigest] has it.
func (d Digest) String() string { return digestPrefix + hex.EncodeToString(d[:]) }

// ParseDigest reads what String writes.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	digits, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(digits) != hex.EncodedLen(len(d)) || digits != strings.ToLower(digits) {
		return d, &AttributeError{DataDigest, s, "is not " + digestPrefix + " and 64 hexadecimal digits in small letters"}
	}
	if _, err := hex.Decode(d[:], []byte(digits)); err != nil {
		return d, &AttributeError{DataDigest, s, "is not hexadecimal"}
	}
	return d, nil
}

// A Claim is what an event says of its data that is elsewhere.
type Claim struct {
	Ref    string // where: a URI-reference
	Digest Digest
	Size   int64 // in bytes; no more need be read
}

// Verify tells whether data is what is claimed; the error wraps [ErrClaim].
func (c Claim) Verify(data []byte) error {
	if int64(len(data)) != c.Size {
		return fmt.Errorf("%w: %d bytes, not %d", ErrClaim, len(data), c.Size)
	}
	if d := DigestOf(data); d != c.Digest {
		return fmt.Errorf("%w: its digest is %v, not %v", ErrClaim, d, c.Digest)
	}
	return nil
}

// CheckIn returns the event as it stands in the log while its data is elsewhere, at
// ref: without data, and with attributes that say what it was (claim check). An event
// without data, or that has one of these attributes already, is refused with an
// [*AttributeError].
func (e Event) CheckIn(ref string) (Event, error) {
	if e.Data == nil || len(e.Data) > MaxClaim {
		return e, &AttributeError{memberData, "", fmt.Sprintf("of %d bytes cannot be kept elsewhere: from none, and of more than %d bytes, no claim is made", len(e.Data), MaxClaim)}
	}
	for _, name := range []string{DataRef, DataDigest, DataSize} {
		if v, ok := e.Extension(name); ok {
			return e, &AttributeError{name, v.text, "is there already: its data is elsewhere by somebody else's doing"}
		}
	}
	e.SetExtension(DataRef, URIReference(ref))
	e.SetExtension(DataDigest, String(DigestOf(e.Data).String()))
	e.SetExtension(DataSize, Integer(int32(len(e.Data))))
	e.Data = nil
	return e, e.Validate()
}

// Claim returns what the event says of data that is elsewhere; false if it says
// nothing, or not what [Event.CheckIn] does: a dataref alone cannot be verified. The
// error is an [*AttributeError].
func (e *Event) Claim() (Claim, bool, error) {
	ref, digest := e.extension(DataRef), e.extension(DataDigest)
	size, sized := e.Extension(DataSize)
	if ref == "" || digest == "" || !sized {
		return Claim{}, false, nil
	}
	d, err := ParseDigest(digest)
	if err != nil {
		return Claim{}, false, err
	}
	n, err := size.Int()
	if err != nil || n < 0 {
		return Claim{}, false, &AttributeError{DataSize, size.text, "is no size in bytes"}
	}
	return Claim{ref, d, int64(n)}, true, nil
}

// Redeem returns the event as it was before [Event.CheckIn], with its data, which is
// verified: an error that wraps [ErrClaim] says that it is other data.
func (e Event) Redeem(data []byte) (Event, error) {
	c, ok, err := e.Claim()
	if err != nil {
		return e, err
	}
	if !ok {
		return e, fmt.Errorf("%w: it claims none", ErrClaim)
	}
	if err := c.Verify(data); err != nil {
		return e, err
	}
	for _, name := range []string{DataRef, DataDigest, DataSize} {
		e.RemoveExtension(name)
	}
	if e.Data = data; data == nil {
		e.Data = []byte{}
	}
	return e, nil
}
