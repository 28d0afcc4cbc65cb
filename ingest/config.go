package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/limit"
	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Config is ingest's configuration file.
type Config struct {
	ID         string            `yaml:"id"`         // names the heads log; never change it
	Deployment string            `yaml:"deployment"` // audience of the trackers' passwords
	Dir        string            `yaml:"dir"`        // journal
	HTTP       string            `yaml:"http"`       // host:port
	Ops        string            `yaml:"ops_listen"` // host:port of /readyz and /metrics; "" = at http where only this machine reaches that, else nowhere
	TLS        secure.Server     `yaml:"tls"`        // of http: cert, key, client_ca
	Insecure   bool              `yaml:"insecure"`   // http is meant to be plain text, although other machines reach it
	Partitions string            `yaml:"partitions"` // of the MQTT topics; default 00-ff
	MQTT       MQTTConfig        `yaml:"mqtt"`
	Influx     influx.Config     `yaml:"influx"`
	Fabric     fabric.Config     `yaml:"fabric"`
	Anchor     AnchorConfig      `yaml:"anchor"`
	Codecs     codec.Config      `yaml:"codecs"` // how device makers' scripts in profiles run
	Journal    JournalConfig     `yaml:"journal"`
	Limit      limit.Config      `yaml:"tracker_limit"` // what one tracker may send
	Log        service.LogConfig `yaml:"log"`
}

// MQTTConfig is the broker: the embedded one, or any other by its URL.
type MQTTConfig struct {
	Embedded     bool   `yaml:"embedded"`
	Listen       string `yaml:"listen"` // of the embedded broker, host:port
	URL          string `yaml:"url"`    // of a broker that is not embedded; leave it out for the embedded one
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	MaxClients   int    `yaml:"max_clients"` // of the embedded broker; default 20,000

	TLS    secure.Server `yaml:"tls"`     // of listen: cert, key, client_ca
	Client secure.Client `yaml:",inline"` // ca, cert, key towards url; insecure: listen or url is meant to be plain text
}

// AnchorConfig says how often the heads log goes to the ledger.
type AnchorConfig struct {
	Every  time.Duration `yaml:"every"`  // default 10s
	Leaves uint64        `yaml:"leaves"` // or after so many; default 4096
}

// JournalConfig bounds the disk.
type JournalConfig struct {
	MaxBytes          int64 `yaml:"max_bytes"`          // what may wait for InfluxDB; default 4 GiB
	MinFreeBytes      int64 `yaml:"min_free_bytes"`     // free space of the disk below which nothing more is acknowledged; default 256 MiB
	QuarantineBytes   int64 `yaml:"quarantine_bytes"`   // refused messages that may wait beside it, and go to InfluxDB in a day; default 64 MiB
	QuarantineRecords int   `yaml:"quarantine_records"` // the same, counted; default 100,000
	RememberDays      int   `yaml:"remember_days"`      // how long a message that comes again is recognised; default 400, at least 30
}

// Validate names all problems at once.
func (c *Config) Validate() error {
	var problems []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	if c.Partitions == "" {
		c.Partitions = "00-ff"
	}
	need(telemetry.ValidID(c.ID) && ledger.MemberOf(c.ID) == c.Fabric.Org, "id: must be fabric.org, a dot and a name of its own, such as %s.ingest-1", c.Fabric.Org)
	_, life := ledger.LifeOf(c.ID)
	need(life == 1, "id: must not end with .life-N, which names the lives of an instance")
	need(len(c.ID)+len(".life-100") <= 64, "id: must be at most %d characters, so that .life-N fits behind it", 64-len(".life-100"))
	need(c.Deployment != "", "deployment: must be set, trackers sign their passwords for it")
	need(c.Dir != "", "dir: must name a folder for the journal")
	need(c.HTTP != "", "http: must be host:port")
	_, err := mqtt.ParsePartitions(c.Partitions)
	need(err == nil, "%v", err)
	need(!c.MQTT.Embedded || c.MQTT.Listen != "", "mqtt.listen: must be host:port when the broker is embedded")
	need(c.MQTT.Embedded || c.MQTT.URL != "", "mqtt.url: must be tcp://host:port, or set mqtt.embedded")
	need(!c.MQTT.Embedded || c.MQTT.URL == "", "mqtt.url: leave it out, or set mqtt.embedded to false")
	problems = append(problems, c.TLS.Check("http", c.HTTP, c.Insecure), c.TLS.Check("ops_listen", c.Ops, c.Insecure), c.MQTT.TLS.Check("mqtt.listen", c.MQTT.Listen, c.MQTT.Client.Insecure),
		c.MQTT.Client.Check("mqtt.url", c.MQTT.URL), c.Influx.Client.Check("influx.url", c.Influx.URL))
	need(telemetry.ValidID(c.MQTT.Username), "mqtt.username: must be set, for example the id")
	need(c.MQTT.PasswordFile != "", "mqtt.password_file: must name a file")
	need(c.Influx.URL != "" && c.Influx.Bucket != "" && c.Influx.TokenFile != "", "influx: url, bucket and token_file must be set")
	need(c.Fabric.Profile != "" && c.Fabric.Org != "" && c.Fabric.User != "", "fabric: profile, org and user must be set")
	need(c.Anchor.Every >= 0, "anchor.every: must not be negative")
	need(c.Journal.MaxBytes == 0 || c.Journal.MaxBytes >= 16<<20, "journal.max_bytes: must be at least 16 MiB")
	for name, v := range map[string]int{"messages_per_second": c.Limit.MessagesPerSecond, "bytes_per_second": c.Limit.BytesPerSecond, "burst_seconds": c.Limit.BurstSeconds} {
		need(v >= 0 && v <= 1e9, "tracker_limit.%s: must be positive", name)
	}
	need(c.Journal.MinFreeBytes == 0 || c.Journal.MinFreeBytes >= 1<<20, "journal.min_free_bytes: must be at least 1 MiB")
	need(c.Journal.QuarantineBytes == 0 || c.Journal.QuarantineBytes >= 1<<20, "journal.quarantine_bytes: must be at least 1 MiB")
	need(c.Journal.RememberDays == 0 || c.Journal.RememberDays >= 30, "journal.remember_days: must be at least 30")
	need(c.Journal.QuarantineRecords >= 0, "journal.quarantine_records: must not be negative")
	if err := c.Log.Validate(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
