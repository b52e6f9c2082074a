package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// updateFeatures answers UpdateFeatures (57, KIP-584). A cluster kept in
// ZooKeeper has no features, so there is none that can be raised or removed.
//
//	v1  kinds of upgrade; validate only
func (a *API) updateFeatures(_ context.Context, _ *server.Request, q *kmsg.UpdateFeaturesRequest) (*kmsg.UpdateFeaturesResponse, error) {
	out := kmsg.NewPtrUpdateFeaturesResponse()
	for i := range q.FeatureUpdates {
		u := &q.FeatureUpdates[i]
		row := kmsg.NewUpdateFeaturesResponseResult()
		row.Feature, row.ErrorCode, row.ErrorMessage = u.Feature, kerr.InvalidRequest.Code, text(refuseFeature(u, q.Version))
		out.Results = append(out.Results, row)
	}
	return out, nil
}

// Kinds of upgrade (KIP-778).
const (
	upgradeOnly      int8 = 1
	unsafeDowngrades int8 = 3
)

func refuseFeature(u *kmsg.UpdateFeaturesRequestFeatureUpdate, version int16) string {
	downgrade := version == 0 && u.AllowDowngrade || version >= 1 && u.UpgradeType != upgradeOnly
	switch {
	case u.Feature == "":
		return "Can not contain empty feature name."
	case version >= 1 && (u.UpgradeType < upgradeOnly || u.UpgradeType > unsafeDowngrades):
		return "Received unknown upgrade type."
	case u.MaxVersionLevel < 1 && !downgrade:
		return "Can not delete a feature without allowing a downgrade."
	case u.MaxVersionLevel < 1:
		return "Can not delete non-existing finalized feature."
	}
	return "Could not apply finalized feature update because the provided feature is not supported."
}
