package thermal

import (
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// excursions is a list that only grows, to detect.MaxExcursions; clones share what they have in common.
type excursions struct {
	list []detect.Excursion
	more int
}

func (x *excursions) add(e detect.Excursion) {
	if len(x.list) == detect.MaxExcursions {
		x.more++
		return
	}
	x.list = append(x.list, e)
}

// clone takes the room behind both lists away, so that neither grows into the other's.
func (x *excursions) clone() excursions {
	x.list = slices.Clip(x.list)
	return *x
}

// deciding are the messages of the first, worst and last reading, without repeats.
func deciding(messages ...[32]byte) [][32]byte {
	var out [][32]byte
	for _, m := range messages {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}
