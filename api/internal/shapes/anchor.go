package shapes

import (
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Anchor is a root of a heads log that the ledger has accepted.
type Anchor struct {
	Heads    string       `json:"heads" doc:"Heads-log id"`
	Ingest   string       `json:"ingest"`
	Owner    string       `json:"owner"`
	N        uint64       `json:"n"`
	Size     uint64       `json:"size"`
	Root     string       `json:"root"`
	PrevSize uint64       `json:"prev_size"`
	PrevRoot string       `json:"prev_root"`
	Time     rest.Instant `json:"time"`
	Tx       string       `json:"tx"`
}

func ShowAnchor(names *members.Directory, h ledger.Head) Anchor {
	return Anchor{Heads: h.Heads, Ingest: h.Ingest, Owner: names.Name(h.Owner), N: h.N, Size: h.Size, Root: h.Root, PrevSize: h.PrevSize, PrevRoot: h.PrevRoot, Time: rest.Instant(h.TxMS), Tx: h.Tx}
}
