package profile

import (
	"fmt"
	"strings"
)

// topics checks MQTT filters.
func (p *problems) topics(place string, filters []string) []string {
	if len(filters) > maxTopics {
		p.bad(place, "has more than %d", maxTopics)
	}
	for i, f := range filters {
		if err := checkFilter(f); err != nil {
			p.bad(fmt.Sprintf("%s[%d]", place, i), "%q: %w", cut(f), err)
		}
	}
	return filters
}

func checkFilter(f string) error {
	if f == "" || len(f) > maxTopic {
		return fmt.Errorf("must be 1 to %d bytes", maxTopic)
	}
	levels := strings.Split(f, "/")
	for i, l := range levels {
		if l == "#" && i < len(levels)-1 || l != "#" && l != "+" && strings.ContainsAny(l, "#+\x00") {
			return fmt.Errorf("+ stands for a whole level, # for all at the end")
		}
	}
	return nil
}

// matches reports whether an MQTT filter takes a topic.
func matches(filter, topic string) bool {
	for {
		f, restF, moreF := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, restT, moreT := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		if !moreF || !moreT {
			return moreF == moreT || moreF && restF == "#"
		}
		filter, topic = restF, restT
	}
}

func matchesAny(filters []string, topic string) bool {
	for _, f := range filters {
		if matches(f, topic) {
			return true
		}
	}
	return false
}
