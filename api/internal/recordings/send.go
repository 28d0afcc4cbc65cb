package recordings

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/recording"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Line is a tracker's connection to the broker. It reconnects by itself.
type Line interface {
	Send(ctx context.Context, topic string, payload []byte) error
	Down() <-chan mqtt.DownMessage
	Close()
}

// Dial connects as a tracker that cannot sign.
type Dial func(ctx context.Context, tracker, secret string) (Line, error)

const (
	underWay = 64               // messages without an acknowledgement
	again    = 5 * time.Second  // what is not acknowledged is sent again
	patience = 60 * time.Second // without any progress
)

// send gives all readings to ingest and returns when ingest has acknowledged each message: then it is durable. The messages of a file are the
// same each time, so that those which are there already are known again.
func (s *Resource) send(ctx context.Context, in *input, tracker, secret string, report recording.Report) (int, error) {
	line, err := s.dial(ctx, tracker, secret)
	if err != nil {
		return 0, err
	}
	defer line.Close()
	p := &post{line: line, topic: telemetry.Topic(tracker, telemetry.JSON), waiting: map[uint64][]byte{}}
	var readings []telemetry.Reading
	seen := map[int64]bool{}
	room := perMessage(len(report.Columns))
	put := func() error {
		if len(readings) == 0 {
			return nil
		}
		raw, err := telemetry.EncodePlain(p.next, readings)
		readings = readings[:0]
		clear(seen)
		if err != nil {
			return err
		}
		return p.put(ctx, raw)
	}
	_, err = recording.Read(bytes.NewReader(in.RawBody), in.Options, func(_ string, r telemetry.Reading) error {
		if len(readings) == room || seen[r.TimeMS] { // times are unique in a message
			if err := put(); err != nil {
				return err
			}
		}
		readings, seen[r.TimeMS] = append(readings, telemetry.Reading{TimeMS: r.TimeMS, Values: r.Said()}), true
		return nil
	})
	if err == nil {
		err = put()
	}
	if err == nil {
		err = p.drain(ctx, 0)
	}
	return int(p.next), err
}

// perMessage is how many readings of so many values fit a plain message for certain.
func perMessage(values int) int {
	return min(256, (telemetry.MaxMessage-64)/(48+40*values))
}

// dial tries until ingest has heard that the logger is enrolled.
func (s *Resource) dial(ctx context.Context, tracker, secret string) (Line, error) {
	bound, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		line, err := s.Dial(bound, tracker, secret)
		if err == nil {
			return line, nil
		}
		if !service.Pause(bound, time.Second) {
			return nil, problem.New(http.StatusServiceUnavailable, problem.IngestDown, "the broker does not take the logger's connection: %v", err)
		}
	}
}

// post is the messages that are on their way.
type post struct {
	line    Line
	topic   string
	next    uint64            // number of the next message
	waiting map[uint64][]byte // without an acknowledgement, by number
}

func (p *post) put(ctx context.Context, raw []byte) error {
	if err := p.drain(ctx, underWay-1); err != nil {
		return err
	}
	p.waiting[p.next] = raw
	p.next++
	return p.out(ctx, raw)
}

// out sends. A connection that is down comes back, and the message goes again.
func (p *post) out(ctx context.Context, raw []byte) error {
	if err := p.line.Send(ctx, p.topic, raw); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

var errSilent = problem.New(http.StatusServiceUnavailable, problem.IngestDown, "ingest has acknowledged nothing for %s; send the file again, and what is there already is known again", patience)

// drain waits until only so many are without an acknowledgement.
func (p *post) drain(ctx context.Context, most int) error {
	repeat, giveUp := time.NewTicker(again), time.NewTimer(patience)
	defer repeat.Stop()
	defer giveUp.Stop()
	for len(p.waiting) > most {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-giveUp.C:
			return errSilent
		case d := <-p.line.Down():
			switch {
			case d.Type == "ack" && d.JSONSeq != nil:
				if _, ok := p.waiting[*d.JSONSeq]; ok {
					delete(p.waiting, *d.JSONSeq)
					giveUp.Reset(patience)
					repeat.Reset(again)
				}
			case d.Type == "nack" && d.Reason != telemetry.RateLimited: // what came too fast goes again
				return problem.New(http.StatusConflict, "conflict", "ingest refuses the logger's messages: %s %s", d.Reason, d.Detail)
			}
		case <-repeat.C:
			for _, n := range slices.Sorted(maps.Keys(p.waiting)) {
				if err := p.out(ctx, p.waiting[n]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
