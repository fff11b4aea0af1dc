package broker

import (
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
)

// apiVersions answers in version 0 to a version that it does not know, with
// the one range that lets the client ask again (KIP-511).
func (b *Broker) apiVersions(ctx context.Context, c *call) (answer, error) {
	if s := c.conn.session; s != nil && s.Exchanging() && !s.Known() {
		resp := kmsg.NewPtrApiVersionsResponse()
		if resp.ErrorCode = kerr.IllegalSaslState.Code; c.api.has(c.version) {
			resp.Version = c.version
		}
		return c.conn.part(ctx, resp, auth.ErrIllegalState)
	}
	if c.api.has(c.version) {
		return handled(b.listVersions)(ctx, c)
	}
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.ErrorCode = kerr.UnsupportedVersion.Code
	resp.ApiKeys = []kmsg.ApiVersionsResponseApiKey{versionsOf(c.api)}
	return response{resp}, nil
}

func (b *Broker) listVersions(_ context.Context, _ *call, req *kmsg.ApiVersionsRequest) kmsg.Response {
	resp := reply[*kmsg.ApiVersionsResponse](req)
	if resp.ErrorCode = b.checkVersionsRequest(req); resp.ErrorCode != 0 {
		return resp
	}
	for _, a := range b.table {
		if a != nil {
			resp.ApiKeys = append(resp.ApiKeys, versionsOf(a))
		}
	}
	b.listFeatures(req.Version, resp)
	return resp
}

// listFeatures lists what clients look for beside the versions of requests (KIP-584).
func (b *Broker) listFeatures(version int16, resp *kmsg.ApiVersionsResponse) {
	all := b.features()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		s := kmsg.NewApiVersionsResponseSupportedFeature()
		s.Name, s.MinVersion, s.MaxVersion = name, f.min, f.max
		if version < 4 {
			s.MinVersion = max(f.min, 1) // these clients know no level 0 (KIP-1022)
		}
		resp.SupportedFeatures = append(resp.SupportedFeatures, s)
		l := kmsg.NewApiVersionsResponseFinalizedFeature()
		l.Name, l.MinVersionLevel, l.MaxVersionLevel = name, f.level, f.level
		resp.FinalizedFeatures = append(resp.FinalizedFeatures, l)
	}
	resp.FinalizedFeaturesEpoch = 0 // they never change
}

func versionsOf(a *api) kmsg.ApiVersionsResponseApiKey {
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MinVersion, k.MaxVersion = a.key, a.min, a.max
	return k
}

// checkVersionsRequest checks the client's software name and version (KIP-511),
// and whether it reached whom it wanted (KIP-1242).
func (b *Broker) checkVersionsRequest(req *kmsg.ApiVersionsRequest) int16 {
	if req.Version >= 3 && !(validSoftware(req.ClientSoftwareName) && validSoftware(req.ClientSoftwareVersion)) {
		return kerr.InvalidRequest.Code
	}
	hasCluster, hasNode := req.ClusterID != nil, req.NodeID != -1
	switch {
	case req.Version < 5:
		return 0
	case hasCluster != hasNode:
		return kerr.InvalidRequest.Code
	case hasCluster && (*req.ClusterID != b.ClusterID() || req.NodeID != b.cfg.NodeID):
		return kerr.RebootstrapRequired.Code
	}
	return 0
}

// validSoftware: letters and digits, with dots and dashes between them.
func validSoftware(s string) bool {
	for i, c := range []byte(s) {
		inside := i > 0 && i < len(s)-1
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || inside && (c == '.' || c == '-')) {
			return false
		}
	}
	return s != ""
}
