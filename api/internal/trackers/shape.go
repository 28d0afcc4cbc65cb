package trackers

import (
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Tracker as the API shows it.
type Tracker struct {
	ID          string                  `json:"id"`
	Owner       string                  `json:"owner" doc:"Organisation"`
	Alg         string                  `json:"alg" doc:"Ed25519, ESP256, or empty for a tracker that cannot sign"`
	KID         string                  `json:"kid" doc:"Thumbprint of the key in force, hex"`
	Trust       string                  `json:"trust" enum:"unsigned,gateway_signed,device_signed,attested" doc:"What vouches for its messages: nobody, the gateway that holds its key, its own key, or its own key in a certificate of a maker that the members accepted"`
	Model       string                  `json:"model"`
	EnrolledAt  rest.Instant            `json:"enrolled_at"`
	RevokedAt   rest.Null[rest.Instant] `json:"revoked_at"`
	Assigned    rest.Null[string]       `json:"assigned" doc:"Shipment of the open assignment"`
	Calibration rest.Null[Calibration]  `json:"calibration"`
	Sensors     []telemetry.Sensor      `json:"sensors" doc:"What its owner states of its sensors; counts for assignments that are made from then on"`
	Operator    rest.Null[string]       `json:"operator" doc:"Organisation whose ingest takes its messages; null = any operator's"`
	Profile     rest.Null[Pin]          `json:"profile" doc:"What its messages are read by; null = plain JSON, or signed"`
	Gateway     rest.Null[string]       `json:"gateway" doc:"Tracker that speaks for it"`
	Device      string                  `json:"device" doc:"What its gateway calls it, or its own messages"`
	Attestation rest.Null[Attestation]  `json:"attestation" doc:"Whose certificate the key in force stands in"`
	MQTT        MQTT                    `json:"mqtt"`
	Tx          string                  `json:"tx" doc:"Transaction that answered, or that enrolled it"`
	Secret      string                  `json:"secret,omitempty" doc:"MQTT password of a tracker that cannot sign; given once, at enrolment and at a rotation"`
}

// Pin is a profile of a tracker.
type Pin struct {
	Ref   string       `json:"ref" example:"thingsboard-device@1"`
	Hash  string       `json:"hash" doc:"SHA-256 of the profile's document, hex"`
	Since rest.Instant `json:"since"`
}

// Attestation of a tracker's key.
type Attestation struct {
	Maker   string `json:"maker" doc:"As the members accepted it; GET /v1/makers lists them"`
	Root    string `json:"root" doc:"SHA-256 of the maker's root certificate, hex"`
	Subject string `json:"subject" doc:"Of the device's certificate"`
	Tx      string `json:"tx" doc:"In which the contract checked it"`
}

// Calibration of a tracker.
type Calibration struct {
	Ref       string       `json:"ref"`
	Hash      string       `json:"hash"`
	ValidFrom rest.Instant `json:"valid_from"`
	ValidTo   rest.Instant `json:"valid_to"`
	Tx        string       `json:"tx"`
}

// MQTT is how the tracker connects.
type MQTT struct {
	URL         string `json:"url" doc:"Of its operator as that has announced it, empty when it has not; without an operator this node's own"`
	Username    string `json:"username" doc:"The client id may be any"`
	TopicUp     string `json:"topic_up,omitempty" doc:"Signed messages"`
	TopicJSON   string `json:"topic_json,omitempty" doc:"Messages of a tracker that cannot sign: read by its profile, or plain JSON"`
	TopicIn     string `json:"topic_in,omitempty" doc:"Of a tracker that cannot sign: with its own topic behind it, for brokers that pass on nothing else. Here any topic that does not begin with trackseal/ arrives as this"`
	TopicDown   string `json:"topic_down"`
	TopicStatus string `json:"topic_status"`
}

func (s *Resource) showTracker(r ledger.Tracker, tx string) Tracker {
	if tx == "" {
		tx = r.EnrolTx
	}
	t := Tracker{ID: r.ID, Owner: s.Members.Name(r.Owner), Trust: string(r.Trust()), Model: r.Model, EnrolledAt: rest.Instant(r.EnrolledMS),
		RevokedAt: rest.InstantOrNull(r.RevokedMS), Assigned: rest.OrNull(r.Assigned), Tx: tx,
		Operator: rest.OrNull(s.operator(r.Operator)), MQTT: MQTT{URL: s.publishAt(r.Operator), Username: r.ID, TopicDown: telemetry.Topic(r.ID, telemetry.Down), TopicStatus: telemetry.Topic(r.ID, telemetry.Status)}}
	if n := len(r.Keys); n > 0 {
		t.Alg, t.KID = telemetry.Alg(r.Alg).String(), r.Keys[n-1].KID
		t.MQTT.TopicUp = telemetry.Topic(r.ID, telemetry.Up)
	} else {
		t.MQTT.TopicJSON = telemetry.Topic(r.ID, telemetry.JSON)
		t.MQTT.TopicIn = telemetry.InTopic(r.ID, "")
	}
	if t.Sensors = r.Sensors; t.Sensors == nil {
		t.Sensors = []telemetry.Sensor{}
	}
	if p, ok := r.Profile(); ok {
		t.Profile = rest.Some(Pin{Ref: p.Ref, Hash: p.Hash, Since: rest.Instant(p.FromMS)})
	}
	t.Gateway, t.Device = rest.OrNull(r.Gateway), r.Device
	if a := r.Attestation; a != nil {
		t.Attestation = rest.Some(Attestation{Maker: a.Maker, Root: a.Root, Subject: a.Subject, Tx: a.Tx})
	}
	if c := r.Calibration; c != nil {
		t.Calibration = rest.Some(Calibration{Ref: c.Ref, Hash: c.Hash, ValidFrom: rest.Instant(c.ValidFromMS), ValidTo: rest.Instant(c.ValidToMS), Tx: c.Tx})
	}
	return t
}

// operator is the name of the one that serves a tracker, "" for any.
func (s *Resource) operator(msp string) string {
	if msp == "" {
		return ""
	}
	return s.Members.Name(msp)
}

// publishAt is where the trackers of an operator connect.
func (s *Resource) publishAt(msp string) string {
	for _, m := range s.Members.All() {
		if m.MSP == msp && m.Endpoints != nil && m.Endpoints.MQTT != "" {
			return m.Endpoints.MQTT
		}
	}
	if msp == "" || msp == s.MSP {
		return s.MQTTURL
	}
	return ""
}
