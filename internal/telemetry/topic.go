package telemetry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
)

// Channels below a tracker's topic.
const (
	Up     = "up"
	JSON   = "json"
	Status = "status"
	Down   = "down"
)

// TopicPrefix starts every topic.
const TopicPrefix = "trackseal/v1/"

var id = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// ValidID reports whether s may name a tracker, a shipment or an ingest instance.
func ValidID(s string) bool { return id.MatchString(s) }

// Partition is the topic level that lets ingest instances share the load.
func Partition(tracker string) string {
	h := sha256.Sum256([]byte(tracker))
	return hex.EncodeToString(h[:1])
}

// Topic is where a tracker publishes or listens.
func Topic(tracker, channel string) string {
	return TopicPrefix + Partition(tracker) + "/" + tracker + "/" + channel
}

// ErrTopic is returned for a topic that is not one of ours or has the wrong partition.
var ErrTopic = errors.New("not a tracker topic")

// ParseTopic splits a topic into tracker and channel.
func ParseTopic(topic string) (tracker, channel string, err error) {
	rest, ok := strings.CutPrefix(topic, TopicPrefix)
	if !ok {
		return "", "", ErrTopic
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 3 || !ValidID(parts[1]) || parts[0] != Partition(parts[1]) {
		return "", "", ErrTopic
	}
	switch parts[2] {
	case Up, JSON, Status, Down:
		return parts[1], parts[2], nil
	}
	return "", "", ErrTopic
}
