package broker

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/quota"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log"
)

// refusal is an error with the Kafka error code that clients are given.
type refusal struct {
	code    *kerr.Error
	message string
}

func refuse(code *kerr.Error, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.message }

// codes maps the errors of lower packages to Kafka's.
var codes = []struct {
	err  error
	code *kerr.Error
}{
	{log.ErrCorruptBatch, kerr.CorruptMessage},
	{log.ErrInvalidRecord, kerr.InvalidRecord},
	{log.ErrBatchTooLarge, kerr.MessageTooLarge},
	{log.ErrInvalidTimestamp, kerr.InvalidTimestamp},
	{log.ErrUnsupportedFormat, kerr.InvalidRecord},
	{log.ErrUnsupportedCodec, kerr.UnsupportedCompressionType},
	{log.ErrOutOfOrderSequence, kerr.OutOfOrderSequenceNumber},
	{log.ErrProducerFenced, kerr.InvalidProducerEpoch},
	{log.ErrInvalidTxnState, kerr.InvalidTxnState},
	{log.ErrCoordinatorFenced, kerr.TransactionCoordinatorFenced},
	{log.ErrOffsetOutOfRange, kerr.OffsetOutOfRange},
	{log.ErrHeld, kerr.RequestTimedOut},
	{log.ErrStorage, kerr.KafkaStorageError},
	{log.ErrCorruption, kerr.KafkaStorageError},
	{log.ErrDeleted, kerr.UnknownTopicOrPartition},
	{log.ErrClosed, kerr.NotLeaderForPartition},
	{metadata.ErrInvalidName, kerr.InvalidTopicException},
	{metadata.ErrExists, kerr.TopicAlreadyExists},
	{metadata.ErrUnknownTopic, kerr.UnknownTopicOrPartition},
	{metadata.ErrInvalidPartitions, kerr.InvalidPartitions},
	{topicconfig.ErrInvalid, kerr.InvalidConfig},
	{quota.ErrInvalidEntity, kerr.InvalidRequest},
	{quota.ErrInvalidLimit, kerr.InvalidRequest},
	{groupconfig.ErrInvalid, kerr.InvalidConfig},
	{auth.ErrUnsupportedMechanism, kerr.UnsupportedSaslMechanism},
}

// codeOf is the Kafka error code of err and a message for people; 0 for nil.
func codeOf(err error) (int16, string) {
	if err == nil {
		return 0, ""
	}
	var r *refusal
	if errors.As(err, &r) {
		return r.code.Code, r.message
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code.Code, err.Error()
		}
	}
	return kerr.UnknownServerError.Code, err.Error()
}

// messageOf is codeOf for the codec, where no error has no message.
func messageOf(err error) (int16, *string) {
	code, message := codeOf(err)
	if code == 0 {
		return 0, nil
	}
	return code, &message
}
