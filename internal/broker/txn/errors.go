package txn

import "github.com/twmb/franz-go/pkg/kerr"

// codeOf is the error code on the wire; nil is 0.
func codeOf(err *kerr.Error) int16 {
	if err == nil {
		return 0
	}
	return err.Code
}

// fencedCode is codeOf, with the older INVALID_PRODUCER_EPOCH for clients that do
// not know PRODUCER_FENCED (KIP-588).
func fencedCode(err *kerr.Error, known bool) int16 {
	if err == kerr.ProducerFenced && !known {
		err = kerr.InvalidProducerEpoch
	}
	return codeOf(err)
}
