package verification

import (
	"context"

	"github.com/trackseal/trackseal/internal/evidence"
)

// offline takes what the auditor's program finds of the shipment's record: times that the chain contradicts, messages of an assigned
// tracker that went elsewhere, readings that the windows leave out, breaches that the judgement lacks. What it only cannot know yet is
// no finding, and neither is that a rule was broken: that is about the goods.
func (r *run) offline(ctx context.Context) error {
	if r.Offline == nil {
		return nil
	}
	found, err := r.Offline(ctx)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Severity == evidence.Failure && f.Code != evidence.RulesBroken || f.Code == evidence.StrayBreach {
			r.found.add(Finding{Check: Offline, Detail: f.String()})
		}
	}
	return nil
}
