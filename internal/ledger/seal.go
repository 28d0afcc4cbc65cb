package ledger

// Seal is the create-only word of an operator that one of its ingest instances adds nothing more to a shipment: the final head of the
// instance's log of it, which the peers found in the instance's heads log as it is anchored.
type Seal struct {
	Shipment string   `json:"shipment"`
	Ingest   string   `json:"ingest"`
	Log      *LogHead `json:"log"` // null: the instance has no log of the shipment
	By       string   `json:"by"`  // MSP id of the operator
	TimeMS   int64    `json:"time_ms"`
	Tx       string   `json:"tx"`
}

// SealArgs seals a delivered shipment for one instance, by an ingest of the operator that has the instance. The same again answers the
// seal that is there.
type SealArgs struct {
	ID     string     `json:"id"`
	Ingest string     `json:"ingest"`
	Final  *FinalHead `json:"final"` // null: the instance has no log of the shipment
}

// FinalHead is the closed head of a shipment's log at an instance, and where it stands in the instance's heads log. The log's id
// follows from the shipment and the instance.
type FinalHead struct {
	Size   uint64   `json:"size"`
	Root   string   `json:"root"`
	Prev   *uint64  `json:"prev"`   // as in the heads-log leaf
	Index  uint64   `json:"index"`  // of that leaf
	Anchor uint64   `json:"anchor"` // number of an anchor that covers it
	Proof  []string `json:"proof"`  // RFC 9162 inclusion path (hex) of the leaf in that anchor
}

func (a SealArgs) Validate() error {
	if err := first(checkID("id", a.ID), checkID("ingest", a.Ingest)); err != nil || a.Final == nil {
		return err
	}
	f := a.Final
	switch {
	case f.Size == 0 || f.Size > maxNumber:
		return invalid("final.size is out of range")
	case f.Index > maxNumber || f.Anchor > maxNumber || f.Prev != nil && *f.Prev >= f.Index:
		return invalid("final.index, anchor or prev is out of range")
	}
	return first(checkHash("final.root", f.Root), checkProof("final.proof", f.Proof))
}
