package rest

import (
	"net/http"
	"strings"

	"github.com/trackseal/trackseal/api/internal/problem"
)

// NotModified answers 304 when If-None-Match names the tag (weak comparison, RFC 9110 section 13.1.2), else nil.
func NotModified(ifNoneMatch, tag string) error {
	for given := range strings.SplitSeq(ifNoneMatch, ",") {
		given = strings.TrimSpace(given)
		if given == "*" || strings.TrimPrefix(given, "W/") == tag {
			return problem.New(http.StatusNotModified, "not_modified", "").With("ETag", tag)
		}
	}
	return nil
}
