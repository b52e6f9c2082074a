package record

import (
	"fmt"
	"math"
	"strings"
)

const (
	// maxRecordErrors bounds the list of records at fault: a small batch can inflate to
	// millions of them.
	maxRecordErrors = 1000
	// shownRecordErrors is how many of them the message for the whole batch repeats.
	shownRecordErrors = 3
)

// judge looks at one record of a batch after another and remembers what is wrong.
type judge struct {
	rules   *Rules
	batch   Batch
	maxTime int64 // largest timestamp so far, -1 for none

	faults     []RecordError // at most maxRecordErrors
	faulty     int           // all of them
	timestamps bool          // one is about a timestamp
}

// record judges the record at an index of its batch. Without a key where one is needed its
// timestamp is not looked at, as in Kafka.
func (j *judge) record(r *Record, index int) {
	if j.rules.Compacted && r.Key == nil && !j.batch.Control() {
		j.fault(index, "Compacted topic cannot accept message without key in topic partition "+j.rules.Partition)
		return
	}
	j.maxTime = max(j.maxTime, r.Timestamp)
	switch {
	case !j.rules.LogAppendTime && r.Timestamp != -1:
		if r.Timestamp < j.oldest() || r.Timestamp > j.newest() {
			j.lateOrEarly(r, index)
		}
	case j.batch.AppendTime():
		j.timestamps = true
		j.fault(index, fmt.Sprintf("Invalid timestamp type in message DefaultRecord(offset=%d, timestamp=%d, key=%d bytes, "+
			"value=%d bytes). Producer should not set timestamp type to LogAppendTime.",
			r.Offset, r.Timestamp, len(r.Key), len(r.Value)))
	}
}

func (j *judge) lateOrEarly(r *Record, index int) {
	j.timestamps = true
	j.fault(index, fmt.Sprintf("Timestamp %d of message with offset %d is out of range. "+
		"The timestamp should be within [%d, %d]", r.Timestamp, r.Offset, j.oldest(), j.newest()))
}

// oldest is the first timestamp that is allowed now; the largest allowance means any.
func (j *judge) oldest() int64 {
	now, before := j.rules.NowMs, j.rules.TimestampBeforeMaxMs
	if before == math.MaxInt64 || now < math.MinInt64+before {
		return math.MinInt64
	}
	return now - before
}

// newest is the last timestamp that is allowed now.
func (j *judge) newest() int64 {
	now, after := j.rules.NowMs, j.rules.TimestampAfterMaxMs
	if now > math.MaxInt64-after {
		return math.MaxInt64
	}
	return now + after
}

func (j *judge) fault(index int, message string) {
	j.faulty++
	if len(j.faults) < maxRecordErrors {
		j.faults = append(j.faults, RecordError{Index: index, Message: message})
	}
}

// verdict is nil when no record was at fault.
func (j *judge) verdict() error {
	switch {
	case j.faulty == 0:
		return nil
	case j.timestamps:
		return &Error{
			Kind:    ErrInvalidTimestamp,
			Message: "One or more records have been rejected due to invalid timestamp",
			Records: j.faults,
		}
	}
	shown := make([]string, 0, shownRecordErrors)
	for _, f := range j.faults[:min(len(j.faults), shownRecordErrors)] {
		shown = append(shown, fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", f.Index, f.Message))
	}
	return &Error{
		Kind: ErrInvalidRecord,
		Message: fmt.Sprintf("One or more records have been rejected due to %d record errors in total, "+
			"and only showing the first three errors at most: [%s]", j.faulty, strings.Join(shown, ", ")),
		Records: j.faults,
	}
}
