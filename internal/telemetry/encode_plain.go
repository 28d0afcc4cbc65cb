package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// EncodePlain writes the message of a tracker that cannot sign: an object, or an array of several, as Open reads it. The sequence stands
// in the last one. Members are sorted, so that equal readings give equal bytes.
func EncodePlain(seq uint64, readings []Reading) ([]byte, error) {
	if len(readings) == 0 || len(readings) > maxPlain {
		return nil, fmt.Errorf("%d readings in a message: must be 1 to %d", len(readings), maxPlain)
	}
	objects := make([]map[string]any, len(readings))
	for i, r := range readings {
		if len(r.Values) == 0 {
			return nil, errors.New("a reading needs a value")
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
	if err == nil && len(raw) > MaxMessage {
		err = fmt.Errorf("message of %d bytes exceeds %d", len(raw), MaxMessage)
	}
	return raw, err
}
