package telemetry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

// Channels below a tracker's topic.
const (
	Up     = "up"
	JSON   = "json"
	Status = "status"
	Down   = "down"
	In     = "in" // with a topic of the sender's own below it
)

// TopicPrefix starts every topic.
const TopicPrefix = "trackseal/v1/"

// ValidID reports whether s may name a tracker, a shipment or an ingest instance: [A-Za-z0-9][A-Za-z0-9._-]{0,63}.
func ValidID(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return len(s) > 0 && len(s) <= 64
}

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
	partition, rest, _ := strings.Cut(rest, "/")
	tracker, channel, _ = strings.Cut(rest, "/")
	if !ValidID(tracker) || partition != Partition(tracker) {
		return "", "", ErrTopic
	}
	if strings.HasPrefix(channel, In+"/") {
		return tracker, In, nil
	}
	switch channel {
	case Up, JSON, Status, Down:
		return tracker, channel, nil
	}
	return "", "", ErrTopic
}

// InTopic is where a message of a tracker arrives that it published to a topic of its own.
func InTopic(tracker, topic string) string { return Topic(tracker, In) + "/" + topic }

// InRest splits such a topic into the tracker and the topic of its own.
func InRest(topic string) (tracker, rest string, ok bool) {
	tracker, channel, err := ParseTopic(topic)
	if err != nil || channel != In {
		return "", "", false
	}
	return tracker, topic[len(InTopic(tracker, "")):], true
}
