package event

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// An event comes back from a claim check as it was, through any form.
func TestAClaimIsRedeemed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		checked, err := e.CheckIn("/v1/claims/x")
		if e.Data == nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("no data: %v", err)
			}
			return
		}
		if err != nil || checked.Data != nil {
			t.Fatalf("%+v, %v", checked, err)
		}
		if checked, err = throughRecord(t, checked); err != nil {
			t.Fatal(err)
		}
		claim, ok, err := checked.Claim()
		if err != nil || !ok || claim.Ref != "/v1/claims/x" || claim.Size != int64(len(e.Data)) || claim.Digest != DigestOf(e.Data) {
			t.Fatalf("%+v, %v, %v", claim, ok, err)
		}
		got, err := checked.Redeem(e.Data)
		if err != nil || !got.Equal(&e) {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

func TestOtherDataIsNotTaken(t *testing.T) {
	e := valid()
	e.Data = []byte("data")
	checked, err := e.CheckIn("/x")
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"", "dat", "dara", "data\x00"} {
		if got, err := checked.Redeem([]byte(other)); !errors.Is(err, ErrClaim) || got.Data != nil {
			t.Errorf("%q: %+v, %v", other, got, err)
		}
	}
	if _, err := e.Redeem(nil); !errors.Is(err, ErrClaim) {
		t.Errorf("no claim: %v", err)
	}
	if _, err := checked.CheckIn("/y"); !errors.Is(err, ErrInvalid) {
		t.Errorf("checked in twice: %v", err)
	}
	if _, err := e.CheckIn("a b"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a reference that is none: %v", err)
	}
}

func TestAClaimThatIsWrongIsRefused(t *testing.T) {
	good := DigestOf(nil).String()
	for _, tc := range []struct {
		digest string
		size   Value
		want   string
	}{
		{"md5:00", Integer(0), "sha256:"},
		{strings.ToUpper(good[:7]) + good[7:], Integer(0), "sha256:"},
		{good[:7] + strings.ToUpper(good[7:]), Integer(0), "small letters"},
		{good[:70] + "g", Integer(0), "hexadecimal"},
		{good, Integer(-1), "no size"},
		{good, String("x"), "no size"},
	} {
		e := valid()
		e.SetExtension(DataRef, String("/x"))
		e.SetExtension(DataDigest, String(tc.digest))
		e.SetExtension(DataSize, tc.size)
		_, ok, err := e.Claim()
		mustContain(t, err, tc.want)
		if ok {
			t.Error("it is taken")
		}
		if _, err := e.Redeem(nil); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	}
	e := valid()
	e.SetExtension(DataRef, String("/x"))
	if _, ok, err := e.Claim(); ok || err != nil {
		t.Error("a dataref alone can be verified:", err)
	}
}
