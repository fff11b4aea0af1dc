package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	updateFeaturesTyped   = 1 // first version with upgrade types instead of a flag
	updateFeaturesTopOnly = 2 // first version without results by feature

	upgradeOnly     = 1
	unsafeDowngrade = 3 // 2 is a safe one
)

// updateFeatures sets levels of features (KIP-584). The broker runs at one level
// of each, so only that can be asked for. As in Kafka the first error refuses all.
func (b *Broker) updateFeatures(_ context.Context, _ *call, req *kmsg.UpdateFeaturesRequest) kmsg.Response {
	resp := reply[*kmsg.UpdateFeaturesResponse](req)
	for i := range req.FeatureUpdates {
		if err := b.updateFeature(&req.FeatureUpdates[i], req.Version); err != nil {
			resp.ErrorCode, resp.ErrorMessage = messageOf(err)
			return resp
		}
	}
	if req.Version >= updateFeaturesTopOnly {
		return resp
	}
	for i := range req.FeatureUpdates {
		sr := kmsg.NewUpdateFeaturesResponseResult()
		sr.Feature = req.FeatureUpdates[i].Feature
		resp.Results = append(resp.Results, sr)
	}
	return resp
}

func (b *Broker) updateFeature(update *kmsg.UpdateFeaturesRequestFeatureUpdate, version int16) error {
	wanted := update.MaxVersionLevel
	f, known := b.features()[update.Feature]
	switch {
	case version >= updateFeaturesTyped && (update.UpgradeType < upgradeOnly || update.UpgradeType > unsafeDowngrade):
		return invalidLevel(update, "there is no upgrade of type %d", update.UpgradeType)
	case wanted < 0:
		return invalidLevel(update, "a level must be at least 0")
	case !known:
		return invalidLevel(update, "there is no such feature")
	case wanted < f.min || wanted > f.max:
		return invalidLevel(update, "supported are %d to %d", f.min, f.max)
	case wanted != f.level:
		return invalidLevel(update, "this broker runs at level %d and cannot change it", f.level)
	}
	return nil
}

func invalidLevel(update *kmsg.UpdateFeaturesRequestFeatureUpdate, format string, args ...any) error {
	r := refuse(kerr.InvalidUpdateVersion, format, args...)
	return refuse(kerr.InvalidUpdateVersion, "level %d for feature %q: %v; nothing was updated", update.MaxVersionLevel, update.Feature, r)
}
