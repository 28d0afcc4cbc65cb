package transfer

// Rejected is an entry of what an instance refused of a tracker, as JSON.
type Rejected struct {
	AtNS       int64  `json:"at_ns"` // its place: the next page is before it
	ReceivedMS int64  `json:"received_ms"`
	Reason     string `json:"reason"`
	Detail     string `json:"detail"`
	Topic      string `json:"topic"`
	Count      uint64 `json:"count"`
	Bytes      int    `json:"bytes"`
	Hash       string `json:"hash"`
	Raw        []byte `json:"raw,omitempty"`
}
