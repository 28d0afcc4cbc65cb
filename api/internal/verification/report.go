package verification

import "github.com/trackseal/trackseal/internal/stored/audit"

// Names of the checks.
const (
	Entry     = audit.Entry  // a leaf entry decodes strictly, and the message is where it says
	Leaf      = audit.Leaf   // no leaf is missing or doubled
	Hash      = audit.Hash   // the stored bytes are those that were logged
	Signature = "signature"  // the tracker's enrolled key signed them
	Fields    = audit.Fields // the stored values are those in the bytes
	Sequence  = "sequence"   // no message of a tracker is missing between two others
	Root      = audit.Root   // the recomputed root is that of the head
	Anchor    = audit.Anchor // the head is in a heads log that the ledger has anchored
	Closing   = "close"      // a closed shipment's logs are as its closing record says
	Offline   = "offline"    // the offline verifier, on the shipment's evidence, finds nothing wrong with its record
)

// Checks are all, in the order in which a report has them.
var Checks = []string{Entry, Leaf, Hash, Signature, Fields, Sequence, Root, Anchor, Closing, Offline}

// maxFindings of one check are kept; the rest are counted.
const maxFindings = 100

// Report is the outcome of a Job.
type Report struct {
	OK       bool
	Messages uint64
	Logs     []LogReport
	Checks   []Check
}

// Check is one question and what speaks against a yes.
type Check struct {
	Check    string    `json:"check" enum:"entry,leaf,hash,signature,fields,sequence,root,anchor,close,offline"`
	OK       bool      `json:"ok"`
	Count    uint64    `json:"count" doc:"Findings, also those that are not listed"`
	Findings []Finding `json:"findings" doc:"The first 100"`
}

// Finding names one thing that is wrong.
type Finding struct {
	Log     string `json:"log"`
	Leaf    uint64 `json:"leaf"`
	Tracker string `json:"tracker"`
	Message string `json:"message" doc:"Hash of the message, hex; empty when it is not known"`
	Check   string `json:"check"`
	Detail  string `json:"detail"`
}

// LogReport is one log as recomputed.
type LogReport struct {
	Log      string   `json:"log"`
	Size     uint64   `json:"size" doc:"Leaves in the store"`
	Root     string   `json:"root" doc:"Recomputed; empty when a leaf is missing"`
	Logged   uint64   `json:"logged" doc:"Leaves beyond the newest anchor: logged, not more"`
	Anchored Anchored `json:"anchored"`
}

// Anchored is the newest head that the ledger is known to have accepted.
type Anchored struct {
	Size  uint64 `json:"size" doc:"Leaves of this log that the anchor covers; 0 when none"`
	Tx    string `json:"tx"`
	Block uint64 `json:"block"`
	Peers []Peer `json:"peers"`
}

// Peer is what one organisation's peer holds of the anchor.
type Peer struct {
	Org    string `json:"org"`
	OK     bool   `json:"ok" doc:"It holds the same root"`
	Detail string `json:"detail,omitempty"`
}

// findings collects, capped.
type findings struct{ by map[string]*Check }

func newFindings() *findings {
	f := &findings{by: map[string]*Check{}}
	for _, name := range Checks {
		f.by[name] = &Check{Check: name, Findings: []Finding{}}
	}
	return f
}

func (f *findings) add(x Finding) {
	c := f.by[x.Check]
	c.Count++
	if len(c.Findings) < maxFindings {
		c.Findings = append(c.Findings, x)
	}
}

// room says whether another finding of a check would be listed.
func (f *findings) room(check string) bool { return len(f.by[check].Findings) < maxFindings }

func (f *findings) report() (ok bool, all []Check) {
	ok = true
	for _, name := range Checks {
		c := f.by[name]
		c.OK = c.Count == 0
		ok = ok && c.OK
		all = append(all, *c)
	}
	return ok, all
}
