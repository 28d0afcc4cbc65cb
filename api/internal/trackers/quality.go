package trackers

import (
	"context"
	"net/http"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/quality"
	"github.com/trackseal/trackseal/internal/stored"
)

// Quality is how good a tracker's readings were, hour by hour. It says nothing about the goods.
type Quality struct {
	Items []QualityHour `json:"items" doc:"Oldest first; an hour without any reading may be missing"`
	Total QualityTotal  `json:"total"`
}

// QualityHour is one hour of event time.
type QualityHour struct {
	Hour         rest.Instant       `json:"hour" doc:"Its start"`
	Readings     int64              `json:"readings"`
	Minutes      int64              `json:"minutes" doc:"Minutes with a reading"`
	Expected     int64              `json:"expected" doc:"Minutes that were to be expected at the tracker's usual interval"`
	Availability rest.Null[float64] `json:"availability" doc:"minutes / expected, 0 to 1"`
	Flags        map[string]int64   `json:"flags" doc:"Odd readings by reason: sensor_fault, jump, constancy, outlier, drift, teleport; availability is 1 for a poor hour"`
}

// QualityTotal adds the hours up.
type QualityTotal struct {
	Hours        int                `json:"hours"`
	Readings     int64              `json:"readings"`
	Availability rest.Null[float64] `json:"availability"`
	Flags        map[string]int64   `json:"flags"`
}

func (s *Resource) qualityRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/trackers/{id}/quality", ID: "get-tracker-quality", Tag: "Trackers", Scope: access.TrackersRead,
		Summary: "Get the quality of a tracker's readings by hour", Errors: []int{http.StatusNotFound},
		About: "Counts of readings that look wrong, by reason, as ingest flagged them. Flagged readings are kept and judged like all others. " +
			"The newest hour is a few seconds behind."}, s.quality)
}

type qualityInput struct {
	shapes.TrackerPath
	From rest.When `query:"from" doc:"First hour, inclusive; 24 hours before to when absent"`
	To   rest.When `query:"to" doc:"Last hour, exclusive; now when absent"`
}

// maxQuality bounds one answer.
const maxQuality = 31 * 24 * time.Hour

func (s *Resource) quality(ctx context.Context, in *qualityInput) (*rest.Answer[Quality], error) {
	from, to := int64(in.From.Instant), int64(in.To.Instant)
	if to == 0 {
		to = s.Now().UnixMilli()
	}
	if from == 0 {
		from = max(to-(24*time.Hour).Milliseconds(), 0)
	}
	switch {
	case to <= from:
		return nil, rest.InvalidField("query.to", "must be after from")
	case to-from > maxQuality.Milliseconds():
		return nil, rest.InvalidField("query.from", "must be at most 31 days before to")
	}
	if _, err := s.Tracker(ctx, in.ID); err != nil {
		return nil, err
	}
	// The hour that from lies in begins before it.
	from -= from % time.Hour.Milliseconds()
	out := Quality{Items: []QualityHour{}, Total: QualityTotal{Flags: map[string]int64{}}}
	var minutes, expected int64
	for r := range quality.Reasons {
		out.Total.Flags[r.String()] = 0
	}
	err := s.Telemetry.QualityHours(ctx, in.ID, from, to, func(h stored.QualityHour) error {
		flags := make(map[string]int64, quality.Reasons)
		for reason := range out.Total.Flags {
			flags[reason] = h.Flags[reason] // InfluxDB keeps no zeros
			out.Total.Flags[reason] += h.Flags[reason]
		}
		out.Items = append(out.Items, QualityHour{Hour: rest.Instant(h.StartMS), Readings: h.Readings, Minutes: h.Minutes, Expected: h.Expected,
			Availability: share(h.Minutes, h.Expected), Flags: flags})
		minutes, expected, out.Total.Readings = minutes+h.Minutes, expected+h.Expected, out.Total.Readings+h.Readings
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Total.Hours, out.Total.Availability = len(out.Items), share(minutes, expected)
	return &rest.Answer[Quality]{Body: out}, nil
}

// share is null when nothing was to be expected.
func share(part, whole int64) rest.Null[float64] {
	if whole == 0 {
		return rest.Null[float64]{}
	}
	return rest.Some(float64(part) / float64(whole))
}
