package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// answerOf is what a broker of a release of Apache Kafka answers.
func answerOf(v *kversion.Versions) *kmsg.ApiVersionsResponse {
	r := kmsg.NewPtrApiVersionsResponse()
	v.EachMaxKeyVersion(func(key, highest int16) {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MaxVersion = key, highest
		r.ApiKeys = append(r.ApiKeys, k)
	})
	v.EachFinalizedFeature(func(name string, level int16) {
		f := kmsg.NewApiVersionsResponseFinalizedFeature()
		f.Name, f.MaxVersionLevel = name, level
		r.FinalizedFeatures = append(r.FinalizedFeatures, f)
		r.FinalizedFeaturesEpoch = 1
	})
	return r
}

func capabilitiesOf(answers ...*kmsg.ApiVersionsResponse) Capabilities {
	var c Capabilities
	var epoch int64
	for _, a := range answers {
		c.add(a, &epoch)
	}
	return c
}

func TestEachFeatureIsThereFromItsReleaseOn(t *testing.T) {
	releases := []struct {
		name string
		of   *kversion.Versions
	}{
		{"2.2", kversion.V2_2_0()}, {"2.3", kversion.V2_3_0()}, {"2.4", kversion.V2_4_0()}, {"2.5", kversion.V2_5_0()},
		{"2.6", kversion.V2_6_0()}, {"2.7", kversion.V2_7_0()}, {"2.8", kversion.V2_8_0()}, {"3.9", kversion.V3_9_0()},
		{"4.0", kversion.V4_0_0()}, {"4.1", kversion.V4_1_0()}, {"4.2", kversion.V4_2_0()}, {"4.3", kversion.V4_3_0()}, {"4.4", kversion.V4_4_0()},
	}
	for _, r := range releases {
		c := capabilitiesOf(answerOf(r.of))
		if err := c.enough(); err != nil {
			t.Errorf("Kafka %s is refused: %v", r.name, err)
		}
		for f := range features {
			err := c.Check(f)
			var lack *LackError
			switch {
			case r.name >= f.needs().since && err != nil:
				t.Errorf("Kafka %s: %v", r.name, err)
			case r.name < f.needs().since && (!errors.As(err, &lack) || lack.Feature != f || lack.Reason == ""):
				t.Errorf("Kafka %s: %s: got %v, want a *LackError", r.name, f, err)
			}
		}
	}
}

func TestAFeatureThatIsNotSwitchedOnIsLackingAndSaysSo(t *testing.T) {
	answer := answerOf(kversion.V4_4_0())
	for i := range answer.FinalizedFeatures {
		if answer.FinalizedFeatures[i].Name == "share.version" {
			answer.FinalizedFeatures[i].MaxVersionLevel = 0
		}
	}
	err := capabilitiesOf(answer).Check(ShareGroups)
	const want = "the Kafka cluster has no share groups (KIP-932): its feature share.version is at level 0, and 1 is needed; Apache Kafka has them since 4.2"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestBrokersOfDifferentReleasesCanDoWhatAllOfThemCan(t *testing.T) {
	older, newer := answerOf(kversion.V3_9_0()), answerOf(kversion.V4_4_0())
	for _, order := range [][]*kmsg.ApiVersionsResponse{{older, newer}, {newer, older}} {
		c := capabilitiesOf(order...)
		if err := c.Check(TopicIDs); err != nil {
			t.Error(err)
		}
		for _, f := range []Feature{TransactionsV2, ShareGroups} {
			if c.Check(f) == nil {
				t.Errorf("a cluster with a broker of Kafka 3.9 has %s", f)
			}
		}
	}
}

func TestTheLatestEpochOfFinalizedFeaturesCounts(t *testing.T) {
	before, after := answerOf(kversion.V4_2_0()), answerOf(kversion.V4_4_0())
	after.FinalizedFeaturesEpoch = 2
	for _, order := range [][]*kmsg.ApiVersionsResponse{{before, after}, {after, before}} {
		if err := capabilitiesOf(order...).Check(DeadLetters); err != nil {
			t.Error(err)
		}
	}
}

func TestTooOldIsWhatLacksRecordBatches(t *testing.T) {
	err := capabilitiesOf(answerOf(kversion.V0_10_2())).enough()
	var old *TooOldError
	if !errors.As(err, &old) || !strings.HasPrefix(err.Error(), "the Kafka cluster looks like Apache Kafka 0.10.2, and 0.11 or later is needed: ") {
		t.Errorf("got %v", err)
	}
	if err := capabilitiesOf(answerOf(kversion.V0_11_0())).enough(); err != nil {
		t.Error(err)
	}
}

func TestNothingIsKnownOfACapabilityThatWasNotAskedFor(t *testing.T) {
	var none Capabilities
	if len(none.Lacking()) != int(features) || none.enough() == nil {
		t.Errorf("the zero value lacks %v", none.Lacking())
	}
	all := capabilitiesOf(answerOf(kversion.V4_4_0()))
	if lacks := all.Lacking(); len(lacks) != 0 {
		t.Errorf("Kafka 4.4 lacks %v", lacks)
	}
	some := capabilitiesOf(answerOf(kversion.V4_1_0())).Lacking()
	if names := []Feature{some[0].Feature, some[1].Feature}; len(some) != 2 || !slices.Equal(names, []Feature{ShareGroups, DeadLetters}) {
		t.Errorf("Kafka 4.1 lacks %v", some)
	}
}
