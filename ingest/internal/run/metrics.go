package run

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/ingest/internal/anchorer"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// rejectCounter counts refusals by reason.
type rejectCounter struct {
	mu sync.Mutex
	n  map[string]uint64
}

func (c *rejectCounter) add(r telemetry.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[string(r)]++
}

func (c *rejectCounter) all() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// byReason is a Prometheus collector of counts by reason.
type byReason struct {
	desc   *prometheus.Desc
	counts func() map[string]uint64
}

func newByReason(name, help string, counts func() map[string]uint64) byReason {
	return byReason{prometheus.NewDesc(name, help, []string{"reason"}, nil), counts}
}

func (c byReason) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }
func (c byReason) Collect(ch chan<- prometheus.Metric) {
	for reason, n := range c.counts() {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), reason)
	}
}

func (p *Pipeline) newMetrics() *prometheus.Registry {
	r := service.NewMetrics()
	r.MustRegister(
		newByReason("trackseal_messages_rejected_total", "Messages, logins and all else that was refused, by reason code.", p.rejects.all),
		newByReason("trackseal_anomalies_total", "Odd readings, flagged and kept, by reason.", p.quality.Counts))
	counter := func(name, help string, f func() uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(f()) }))
	}
	gauge := func(name, help string, f func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	counter("trackseal_messages_received_total", "Messages that arrived over MQTT, whatever became of them.", p.received.Load)
	counter("trackseal_messages_logged_total", "New messages that have a leaf and are durable in the journal.", func() uint64 { return p.seq.Counts().Logged })
	counter("trackseal_messages_stored_total", "Messages that are in InfluxDB, one of several shipments once for each.", p.writer.Stored)
	counter("trackseal_messages_anchored_total", "Messages whose log head is valid on the ledger.", func() uint64 { return p.seq.Counts().Anchored })
	counter("trackseal_messages_duplicate_total", "Messages that were held already.", func() uint64 { return p.seq.Counts().Duplicates })
	counter("trackseal_messages_repeated_total", "Of the duplicates, plain messages without time and seq whose bytes had come within 10 s.", p.repeated.Load)
	counter("trackseal_messages_held_back_total", "Messages that had to wait, for their tracker sends faster than it may.", p.heldBack.Load)
	counter("trackseal_attach_read_total", "Messages that were read by a profile; of a gateway's message, each device's part.", func() uint64 { return p.attach.Counts().Read })
	counter("trackseal_attach_skipped_total", "Messages and parts that their profile passes over.", func() uint64 { return p.attach.Counts().Skipped })
	counter("trackseal_codec_calls_total", "Calls of profiles' codecs.", func() uint64 { return p.attach.Counts().Calls })
	counter("trackseal_codec_failures_total", "Calls in which the codec said that it cannot, or made no JSON.", func() uint64 { return p.attach.Counts().Failed })
	counter("trackseal_codec_limits_total", "Calls that broke a limit of time, memory or output, or were not made because ten had in a row.", func() uint64 { return p.attach.Counts().Limited })
	counter("trackseal_codec_turned_away_total", "Messages that found the queue of their codec full; their senders keep them.", func() uint64 { return p.attach.Counts().TurnedAway })
	gauge("trackseal_codec_waiting", "Messages that wait for their codec.", func() float64 { return float64(p.attach.Counts().Waiting) })
	counter("trackseal_records_unstorable_total", "Records that InfluxDB refused for good; they stay in the journal.", p.writer.Refused)
	counter("trackseal_quarantine_dropped_total", "Refused messages that went before they were in InfluxDB: the quarantine was full.", func() uint64 { return p.db.Metrics().QuarantineDropped })
	counter("trackseal_ledger_events_skipped_total", "Events on the ledger that could not be read and were passed over.", p.registry.Skipped)
	counter("trackseal_acks_published_total", "Application acknowledgements sent to trackers.", p.acker.published.Load)
	counter("trackseal_quality_missed_total", "Messages that did not fit into the queue for data quality; their hours are scored again.", p.quality.Missed)
	counter("trackseal_quality_too_old_total", "Late readings that data quality does not count.", p.quality.TooOld)
	counter("trackseal_compliance_refused_total", "Compliance records that the ledger refused for good.", p.judge.Refused)
	gauge("trackseal_journal_bytes", "Bytes that wait in the journal for InfluxDB.", func() float64 { return float64(p.db.Metrics().QueueBytes) })
	gauge("trackseal_journal_max_bytes", "Limit of trackseal_journal_bytes.", func() float64 { return float64(p.db.Metrics().MaxBytes) })
	gauge("trackseal_journal_free_bytes", "Free disk space below the journal.", func() float64 { return float64(p.db.Metrics().FreeBytes) })
	gauge("trackseal_quarantine_bytes", "Bytes of refused messages that are not in InfluxDB.", func() float64 { return float64(p.db.Metrics().QuarantineBytes) })
	gauge("trackseal_store_lag_records", "Records that wait for InfluxDB.", func() float64 { return float64(p.db.Metrics().Queue) })
	gauge("trackseal_store_lag_seconds", "Age of the oldest of these records; 0 when there is none.", func() float64 { return p.storeLag().Seconds() })
	gauge("trackseal_anchor_lag_leaves", "Leaves that no anchor valid on the ledger covers.", func() float64 { return float64(p.seq.Unanchored()) })
	gauge("trackseal_anchor_lag_seconds", "Age of the oldest of these leaves; 0 when there is none.", func() float64 { return p.anchorLag().Seconds() })
	gauge("trackseal_anchor_disagrees", "1 when journal and ledger disagree: nothing is acknowledged.", func() float64 {
		return one(errors.Is(p.anchorer.Fits(context.Background()), anchorer.ErrDisagree))
	})
	gauge("trackseal_heads_size", "Leaves of the heads log that are on the ledger.", func() float64 { return float64(p.seq.Last().Size) })
	gauge("trackseal_compliance_pending", "Shipments that are to be judged, or whose judgement is not on the ledger yet.", func() float64 { return float64(p.judge.Depth()) })
	gauge("trackseal_trackers", "Trackers known from the ledger.", func() float64 { t, _ := p.registry.Size(); return float64(t) })
	gauge("trackseal_shipments", "Shipments known from the ledger.", func() float64 { _, s := p.registry.Size(); return float64(s) })
	for _, part := range p.parts() {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "trackseal_ready", Help: "1 when the instance does what it is there for: receives, logs, stores, anchors.", ConstLabels: prometheus.Labels{"what": part.name},
		}, func() float64 { return one(part.check(context.Background()) == nil) }))
	}
	return r
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
