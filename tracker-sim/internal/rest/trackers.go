package rest

import (
	"context"
	"crypto"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/stack"
)

// Tracker as the API tells it.
type Tracker struct {
	ID       string  `json:"id"`
	Owner    string  `json:"owner"`
	Alg      string  `json:"alg"`
	KID      string  `json:"kid"`
	Trust    string  `json:"trust"`
	Assigned *string `json:"assigned"`
	Secret   string  `json:"secret"` // only in the answer that enrols a tracker that cannot sign
	MQTT     struct {
		URL       string `json:"url"`
		Username  string `json:"username"`
		TopicJSON string `json:"topic_json"`
		TopicUp   string `json:"topic_up"`
	} `json:"mqtt"`
}

// Tracker reads one.
func (c *Client) Tracker(ctx context.Context, id string) (out Tracker, err error) {
	return out, c.get(ctx, "/v1/trackers/"+url.PathEscape(id), &out)
}

// Revoke ends a tracker's right to speak.
func (c *Client) Revoke(ctx context.Context, id, cause string) error {
	return c.do(ctx, http.MethodPost, "/v1/trackers/"+url.PathEscape(id)+"/revoke", map[string]string{"cause": cause}, nil)
}

// Enrol registers a tracker with proof that its key is held. A tracker that is enrolled already with the same key is fine.
func (c *Client) Enrol(ctx context.Context, id string, signer crypto.Signer, model string) (Tracker, error) {
	public, proof, alg, err := device.Possession(signer, id, stack.MSP(c.Org))
	if err != nil {
		return Tracker{}, err
	}
	var out Tracker
	err = c.do(ctx, http.MethodPost, "/v1/trackers", map[string]any{
		"id": id, "public_key": public, "alg": alg.String(), "proof": proof, "model": model,
	}, &out)
	if Status(err) != http.StatusConflict {
		return out, err
	}
	known, getErr := c.Tracker(ctx, id)
	if getErr != nil {
		return Tracker{}, err
	}
	key, keyErr := telemetry.Public(signer)
	if keyErr != nil {
		return Tracker{}, keyErr
	}
	if kid := key.KID(); known.KID != hex.EncodeToString(kid[:]) {
		return Tracker{}, fmt.Errorf("tracker %s is enrolled with another key; use another id, or the key file that it was enrolled with", id)
	}
	return known, nil
}

// EnrolPlain registers a tracker that cannot sign. Its secret is in the answer, once.
func (c *Client) EnrolPlain(ctx context.Context, id, model string) (out Tracker, err error) {
	return out, c.do(ctx, http.MethodPost, "/v1/trackers", map[string]any{"id": id, "unsigned": true, "model": model}, &out)
}
