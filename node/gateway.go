package node

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/evidentlog/evident/internal/auth/token"
	"github.com/evidentlog/evident/internal/gateway/cloudevents"
	"github.com/evidentlog/evident/internal/gateway/intake"
	"github.com/evidentlog/evident/internal/gateway/live"
)

// gateway is the door for events over HTTP.
type gateway struct {
	intake *intake.Intake
	live   *live.Hub
	events *cloudevents.API
}

// minGatewayIDs is how many events the gateway must at least know again.
const minGatewayIDs = 1000

// validateGateway checks what is said of events over HTTP.
func (c *Config) validateGateway() error {
	switch {
	case c.GatewayWindow < 0:
		return fmt.Errorf("gateway window %v: want a time above 0", c.GatewayWindow)
	case c.GatewayIDs != 0 && c.GatewayIDs < minGatewayIDs:
		return fmt.Errorf("gateway ids %d: want at least %d", c.GatewayIDs, minGatewayIDs)
	case c.GatewayMaxBody < 0:
		return fmt.Errorf("gateway max body %d: want a number of bytes above 0", c.GatewayMaxBody)
	}
	return nil
}

// startGateway opens the door for events, if the node has HTTP.
func (n *Node) startGateway() error {
	if len(n.cfg.HTTP) == 0 {
		return nil
	}
	in, err := intake.New(intake.Config{
		Client: n.engine.Client, Claims: n.claimStore, Window: n.cfg.GatewayWindow, IDs: n.cfg.GatewayIDs,
		Logger: n.cfg.Logger, Metrics: n.cfg.Metrics,
	})
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	readers, err := live.New(live.Config{Client: n.engine.Client})
	if err != nil {
		in.Close()
		return fmt.Errorf("gateway: %w", err)
	}
	events, err := cloudevents.New(cloudevents.Config{
		Intake: in, MayWrite: n.mayWrite, Live: readers, MayRead: n.mayRead, Origins: n.cfg.GatewayOrigins, MaxBody: n.cfg.GatewayMaxBody,
	})
	if err != nil {
		in.Close()
		readers.Close()
		return fmt.Errorf("gateway: %w", err)
	}
	n.gateway = &gateway{in, readers, events}
	return nil
}

// close ends streams, and lets what is under way come to its end.
func (g *gateway) close() {
	g.events.Close()
	g.live.Close()
	g.intake.Close()
}

// errOnlyFromHere says that events are taken from the node's machine only.
var errOnlyFromHere = errors.New("this node has no token, and takes events from programs on its own machine only: start it with --http-token-file, the same file for all nodes of the cluster")

// mayWrite tells why a request may not write events: as for reading, whoever is on the
// machine may, as by Kafka's protocol there, and from elsewhere who has the token.
func (n *Node) mayWrite(r *http.Request) error {
	elsewhere := token.Local(r)
	if elsewhere == nil {
		return nil
	}
	err := errOnlyFromHere
	if n.token.String() != "" {
		err = n.shown(r)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; only from the node's machine events are taken without, and %w", err, elsewhere)
}
