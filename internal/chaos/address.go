package chaos

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/ledger"
)

// readdress announces another address of the operator's ingest on the ledger, where the nodes that copy find it, and gives what was
// announced before.
func (s *Stack) readdress(ctx context.Context, profile, url string) (was ledger.AnnounceArgs, err error) {
	err = s.asOperator(ctx, profile, func(c *fabric.Client) error {
		m, err := ledger.MemberGet.Ask(ctx, c, ledger.NameArgs{Name: s.operator})
		if err != nil {
			return err
		}
		if m.Endpoints == nil || len(m.Endpoints.Ingest) == 0 {
			return errors.New("the operator has announced no ingest")
		}
		e := m.Endpoints
		was = ledger.AnnounceArgs{API: e.API, Ingest: e.Ingest, MQTT: e.MQTT, CA: e.CA}
		next := was
		next.Ingest = slices.Clone(was.Ingest)
		next.Ingest[0].URL = url
		_, _, err = ledger.MemberAnnounce.Do(ctx, c, next)
		return err
	})
	return was, err
}

// announce puts back what readdress gave.
func (s *Stack) announce(ctx context.Context, profile string, was ledger.AnnounceArgs) error {
	return s.asOperator(ctx, profile, func(c *fabric.Client) error {
		_, _, err := ledger.MemberAnnounce.Do(ctx, c, was)
		return err
	})
}

func (s *Stack) asOperator(ctx context.Context, profile string, do func(*fabric.Client) error) error {
	c, err := fabric.Open(ctx, fabric.Config{Profile: profile, Org: s.operator, User: "api"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}
