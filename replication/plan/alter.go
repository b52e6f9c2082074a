package plan

import "github.com/leatmq/leat/replication/image"

// AlterPartition decides about in-sync sets that the leader on a broker asks
// for. Each alteration gets a result; a reassignment that the new set completes
// is completed in the same step, after the state of the result.
//
// The error is about all of them: ErrStaleBrokerEpoch. Errors of one, in the
// order of the checks: ErrUnknownTopicID or ErrUnknownTopic, ErrNotController
// (the leader has heard of more than this controller), ErrFencedLeaderEpoch,
// ErrInvalidUpdateVersion, ErrInvalidRequest, ErrIneligibleReplica. An
// alteration that changes nothing succeeds.
func AlterPartition(im *image.Image, broker int32, epoch int64, as []Alteration, s Settings) (Step, []AlterResult, error) {
	if b, ok := im.Broker(broker); !ok || b.Epoch != epoch {
		return Step{}, nil, refuse(ErrStaleBrokerEpoch, "The broker is not registered with this epoch.")
	}
	d := newDraft(im, s)
	results := make([]AlterResult, len(as))
	for i := range as {
		results[i] = d.alter(broker, &as[i])
	}
	altered := d.finish()
	refs := make([]Ref, 0, len(as))
	for i := range results {
		if results[i].Err == nil {
			refs = append(refs, results[i].Ref)
		}
	}
	return Join(altered, CompleteReassignments(im.With(altered.Changes), refs, s)), results, nil
}
