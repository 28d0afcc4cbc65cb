package ingestclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Why an instance does not take a message now. Other errors wrap problem.ErrIngest, when it is to be sent again, or say that it never will.
var (
	// ErrElsewhere: another instance of the operator serves the tracker.
	ErrElsewhere = errors.New("another ingest instance serves this tracker")
	// ErrTooFast: see TooFast.
	ErrTooFast = errors.New("the tracker sends faster than it may")
)

// TooFast is ErrTooFast with the time after which the message may be sent again.
type TooFast struct{ After time.Duration }

func (e *TooFast) Error() string        { return fmt.Sprintf("%v: again in %s", ErrTooFast, e.After) }
func (e *TooFast) Is(target error) bool { return target == ErrTooFast }

// intakeTime is for a commit to the disk, of a message that may have to be decoded by a slow codec.
const intakeTime = 20 * time.Second

// Intake gives the instance a message of one of this organisation's trackers. It returns when all that was accepted is durable. The same
// message may be given again.
func (c *Client) Intake(ctx context.Context, m transfer.Intake) (transfer.Taken, error) {
	var taken transfer.Taken
	body, err := json.Marshal(m)
	if err != nil {
		return taken, err
	}
	ctx, cancel := context.WithTimeout(ctx, intakeTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/v1/intake", bytes.NewReader(body))
	if err != nil {
		return taken, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return taken, fmt.Errorf("%w: %s: %w", problem.ErrIngest, c.id, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return taken, fmt.Errorf("%w: %s: %w", problem.ErrIngest, c.id, err)
	case resp.StatusCode == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return taken, &TooFast{time.Duration(max(1, seconds)) * time.Second}
	case resp.StatusCode == http.StatusMisdirectedRequest:
		return taken, fmt.Errorf("%s: %w", c.id, ErrElsewhere)
	case resp.StatusCode >= 500:
		return taken, fmt.Errorf("%w: %s answered %s", problem.ErrIngest, c.id, resp.Status)
	case resp.StatusCode == http.StatusNotFound:
		return taken, fmt.Errorf("ingest %s %w: %.200s", c.id, errUnknown, answer)
	case resp.StatusCode != http.StatusOK:
		return taken, fmt.Errorf("ingest %s answered %s to a message: %.200s", c.id, resp.Status, answer)
	}
	if err := json.Unmarshal(answer, &taken); err != nil {
		return taken, fmt.Errorf("ingest %s answered /v1/intake: %w", c.id, err)
	}
	return taken, nil
}
