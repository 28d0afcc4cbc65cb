package journey

import (
	"context"
	"errors"

	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/rest"
)

// PlainSecret enrols a tracker that cannot sign, or finds the secret that was kept when it was.
func PlainSecret(ctx context.Context, by *rest.Client, home *device.Home, id string) (string, error) {
	secret, err := home.Secret()
	if err != nil || secret != "" {
		return secret, err
	}
	t, err := by.EnrolPlain(ctx, id, "plain tracker")
	if err != nil {
		return "", err
	}
	if t.Secret == "" {
		return "", errors.New("the API enrolled the tracker but told no secret")
	}
	return t.Secret, home.KeepSecret(t.Secret)
}
