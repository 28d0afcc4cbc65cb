package device

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// plainMessage writes readings as the JSON of docs/formats.md: an object, or an array of several. The sequence stands in the last one.
// Members are sorted, so that equal readings give equal bytes.
func plainMessage(seq uint64, readings []telemetry.Reading) (Message, error) {
	if len(readings) == 0 {
		return Message{}, errors.New("a message needs a reading")
	}
	objects := make([]map[string]any, len(readings))
	for i, r := range readings {
		if len(r.Values) == 0 {
			return Message{}, errors.New("a reading needs a value")
		}
		objects[i] = map[string]any{"time": time.UnixMilli(r.TimeMS).UTC().Format("2006-01-02T15:04:05.000Z")}
		for name, v := range r.Values {
			objects[i][name] = v
		}
	}
	objects[len(objects)-1]["seq"] = seq
	var message any = objects
	if len(objects) == 1 {
		message = objects[0]
	}
	raw, err := json.Marshal(message)
	if err != nil {
		return Message{}, err
	}
	if len(raw) > telemetry.MaxMessage {
		return Message{}, fmt.Errorf("message of %d bytes exceeds %d", len(raw), telemetry.MaxMessage)
	}
	return Message{Pos: telemetry.Position{Seq: seq}, Raw: raw, Hash: sha256.Sum256(raw)}, nil
}
