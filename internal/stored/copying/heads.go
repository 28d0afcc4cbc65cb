package copying

import (
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Placed are the heads of a page that stand in the heads log where they say, those of one log unless it is "". What lies beyond the
// newest anchor that is known here is left for later.
func (c *Copier) Placed(page transfer.Heads, newest uint64, log string) ([]stored.Head, *Fault) {
	var heads []stored.Head
	for i := range page.Items {
		h, err := page.Items[i].Stored(c.Anchors.heads)
		switch {
		case err != nil:
			return heads, faulty(Anchor, "head %d does not stand where it says: %v", page.Items[i].Index, err)
		case log != "" && h.Log != log:
			return heads, faulty(Form, "head %d is of log %s", h.Index, h.Log)
		case h.HeadsSize > newest:
			return heads, nil
		}
		heads = append(heads, h)
	}
	return heads, nil
}
