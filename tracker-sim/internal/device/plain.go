package device

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// encodePlain writes the JSON of docs/formats.md with members in a fixed order, so that equal readings give equal bytes.
func encodePlain(seq uint64, readings []telemetry.Reading) ([]byte, error) {
	if len(readings) == 0 {
		return nil, errNoReading
	}
	var b bytes.Buffer
	if len(readings) > 1 {
		b.WriteByte('[')
	}
	for i, r := range readings {
		if len(r.Values) == 0 {
			return nil, errNoReading
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"time":"` + time.UnixMilli(r.TimeMS).UTC().Format("2006-01-02T15:04:05.000Z") + `"`)
		for _, q := range telemetry.Quantities {
			v, ok := r.Values[q.Name]
			if !ok {
				continue
			}
			n, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			b.WriteString(`,"` + q.Name + `":`)
			b.Write(n)
		}
		if i == len(readings)-1 {
			b.WriteString(`,"seq":` + strconv.FormatUint(seq, 10))
		}
		b.WriteByte('}')
	}
	if len(readings) > 1 {
		b.WriteByte(']')
	}
	return b.Bytes(), nil
}
