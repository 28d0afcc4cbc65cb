package influx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	apihttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"github.com/trackseal/trackseal/internal/stored"
)

// contentRefusals are the texts that name a fault of the points themselves. Any other 400 (a series limit, a timeout
// inside the server) is the server's state: retrying may help and quarantining good data would not.
var contentRefusals = []string{
	"unable to parse", "field type conflict", "beyond retention policy", "invalid", "input field", "points dropped",
}

// writeError turns what the library says into what the caller can do. A wrong token or a missing database is
// ErrUnavailable: the points are good, an operator has to repair the server.
func writeError(err error) error {
	if err == nil {
		return nil
	}
	var e *apihttp.Error
	if errors.As(err, &e) {
		if e.Err != nil && e.StatusCode == 0 {
			return unavailable(e.Err)
		}
		detail := strings.TrimSpace(fmt.Sprintf("%d %s", e.StatusCode, e.Message))
		switch e.StatusCode {
		case http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			return &stored.RejectedError{Detail: detail}
		case http.StatusBadRequest:
			// The text limits of 1.8 ("max-series-per-database limit exceeded") come as "partial write ... points dropped" too.
			if !strings.Contains(e.Message, "limit exceeded") {
				for _, t := range contentRefusals {
					if strings.Contains(e.Message, t) {
						return &stored.RejectedError{Detail: detail}
					}
				}
			}
		}
		return fmt.Errorf("%w: %s", stored.ErrUnavailable, detail)
	}
	return unavailable(err)
}

// unavailable keeps a cancellation recognisable, so that a shutdown is not reported as an outage.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", stored.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %s", stored.ErrUnavailable, err.Error())
}
