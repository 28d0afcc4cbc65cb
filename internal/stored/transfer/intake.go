package transfer

// Intake is a message that came over HTTP, for the ingest instance that serves its tracker.
type Intake struct {
	Tracker string `json:"tracker"` // or gateway, that sent it
	Topic   string `json:"topic"`   // as the sender's platform calls it, "" when it has none
	Payload []byte `json:"payload"`
}

// Taken is what became of it, told when all that was accepted is durable.
type Taken struct {
	Accepted   int       `json:"accepted"`   // messages that were logged
	Duplicates int       `json:"duplicates"` // that were held already
	Skipped    int       `json:"skipped"`    // parts that the profile passes over
	Refused    []Refused `json:"refused"`
}

// Refused is a part of it that was not taken, and why.
type Refused struct {
	Tracker string `json:"tracker,omitempty"` // "" when it is of no tracker that is known
	Device  string `json:"device,omitempty"`  // as the gateway calls it
	Reason  string `json:"reason"`            // a reason code of docs/formats.md
	Detail  string `json:"detail"`
	// Again says that it is not refused for good: the message is to be sent again.
	Again bool `json:"again,omitempty"`
}
