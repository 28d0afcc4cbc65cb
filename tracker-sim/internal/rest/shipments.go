package rest

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Shipment as the API tells it; members that the simulator does not need are left out.
type Shipment struct {
	ID          string            `json:"id"`
	State       string            `json:"state"`
	Parties     map[string]string `json:"parties"`
	Custodian   string            `json:"custodian"`
	RuleSet     string            `json:"rule_set"`
	Assignments []Assignment      `json:"assignments"`
	Pending     *Handover         `json:"pending_handover"`
	Verdict     string            `json:"verdict"`
	Messages    int               `json:"messages"`
}

// Assignment of a tracker.
type Assignment struct {
	Tracker string  `json:"tracker"`
	From    string  `json:"from"`
	To      *string `json:"to"`
}

// Handover is a custody proposal.
type Handover struct {
	From  string `json:"from"`
	To    string `json:"to"`
	State string `json:"state"`
}

// NewShipment is what creates one.
type NewShipment struct {
	ID          string            `json:"id"`
	Parties     map[string]string `json:"parties"`
	RuleSet     string            `json:"rule_set"`
	Description string            `json:"description"`
	Origin      string            `json:"origin"`
	Destination string            `json:"destination"`
}

// AllParties names every organisation in its own role.
func AllParties() map[string]string {
	return map[string]string{"carrier": "carrier", "shipper": "shipper", "consignee": "consignee", "auditor": "auditor"}
}

// CreateShipment creates a shipment; the caller's organisation becomes its custodian.
func (c *Client) CreateShipment(ctx context.Context, s NewShipment) (out Shipment, err error) {
	return out, c.do(ctx, http.MethodPost, "/v1/shipments", s, &out)
}

// Shipment reads one.
func (c *Client) Shipment(ctx context.Context, id string) (out Shipment, err error) {
	return out, c.get(ctx, "/v1/shipments/"+url.PathEscape(id), &out)
}

// Assign binds a tracker from a time on; the zero time means now.
func (c *Client) Assign(ctx context.Context, shipment, tracker string, from time.Time) error {
	body := map[string]string{"tracker": tracker}
	if !from.IsZero() {
		body["from"] = stamp(from)
	}
	return c.do(ctx, http.MethodPost, "/v1/shipments/"+url.PathEscape(shipment)+"/assignments", body, nil)
}

// Unassign ends an assignment at a time; the zero time means now.
func (c *Client) Unassign(ctx context.Context, shipment, tracker string, to time.Time) error {
	path := "/v1/shipments/" + url.PathEscape(shipment) + "/assignments/" + url.PathEscape(tracker)
	if !to.IsZero() {
		path += "?to=" + url.QueryEscape(stamp(to))
	}
	return c.do(ctx, http.MethodDelete, path, nil, nil)
}

// Propose offers custody to an organisation.
func (c *Client) Propose(ctx context.Context, shipment, to, note string) error {
	return c.act(ctx, shipment, "handovers", map[string]string{"to": to, "note": note})
}

// Accept takes custody.
func (c *Client) Accept(ctx context.Context, shipment string) error {
	return c.act(ctx, shipment, "handovers/current/accept", nil)
}

// Deliver records that the goods arrived.
func (c *Client) Deliver(ctx context.Context, shipment string) error {
	return c.act(ctx, shipment, "deliver", nil)
}

// Close seals the shipment's logs and closes it.
func (c *Client) Close(ctx context.Context, shipment string) error {
	return c.act(ctx, shipment, "close", nil)
}

func (c *Client) act(ctx context.Context, shipment, act string, body any) error {
	if body == nil {
		body = struct{}{}
	}
	return c.do(ctx, http.MethodPost, "/v1/shipments/"+url.PathEscape(shipment)+"/"+act, body, nil)
}

// Message is one stored message of a shipment.
type Message struct {
	Log     string   `json:"log"`
	Leaf    uint64   `json:"leaf"`
	Tracker string   `json:"tracker"`
	Trust   string   `json:"trust"`
	Boot    uint64   `json:"boot"`
	Seq     uint64   `json:"seq"`
	Flags   []string `json:"flags"`
	Hash    string   `json:"hash"`
	Status  string   `json:"status"`
}

// Unsigned is the trust class of plain messages.
const Unsigned = "unsigned"

// Statuses that say that a message has a leaf.
const (
	Logged   = "logged"
	Anchored = "anchored"
	Final    = "final"
)

// IsLogged reports whether a status means that the message has a leaf.
func IsLogged(status string) bool {
	return status == Logged || IsAnchored(status)
}

// IsAnchored reports whether a status means that the message is below an accepted anchor.
func IsAnchored(status string) bool { return status == Anchored || status == Final }

// Page sizes: the largest that the API allows.
const (
	messagePage = 1000
	samplePage  = 5000
)

// Messages hands every message of a shipment to each, page by page.
func (c *Client) Messages(ctx context.Context, shipment string, each func(Message) error) error {
	return pages(ctx, c, "/v1/shipments/"+url.PathEscape(shipment)+"/messages?limit="+strconv.Itoa(messagePage), each)
}

// Sample is one raw reading of a shipment.
type Sample struct {
	Time    string             `json:"time"`
	Tracker string             `json:"tracker"`
	Leaf    uint64             `json:"leaf"`
	Values  map[string]float64 `json:"values"`
}

// Telemetry hands the raw readings of one tracker in [from, to) to each.
func (c *Client) Telemetry(ctx context.Context, shipment, tracker string, from, to time.Time, each func(Sample) error) error {
	q := url.Values{"tracker": {tracker}, "from": {stamp(from)}, "to": {stamp(to)}, "limit": {strconv.Itoa(samplePage)}}
	return pages(ctx, c, "/v1/shipments/"+url.PathEscape(shipment)+"/telemetry?"+q.Encode(), each)
}

// pages walks a listing by its cursor.
func pages[T any](ctx context.Context, c *Client, path string, each func(T) error) error {
	cursor := ""
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		p := path
		if cursor != "" {
			p += "&cursor=" + url.QueryEscape(cursor)
		}
		if err := c.get(ctx, p, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := each(item); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		cursor = page.Next
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
