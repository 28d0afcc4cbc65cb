package client

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// token is the one that is in use.
type token struct {
	mu  sync.Mutex // held over the request for another, so that one is under way
	now *oauth2.Token
}

// forget drops a token that was refused; false when it is not one of ours to renew.
func (t *token) forget(bearer string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil {
		return false
	}
	if t.now.AccessToken == bearer {
		t.now = &oauth2.Token{}
	}
	return true
}

func (c *Client) bearer(ctx context.Context) (string, error) {
	if c.cfg.Token != "" {
		return c.cfg.Token, nil
	}
	c.token.mu.Lock()
	defer c.token.mu.Unlock()
	if c.token.now.Valid() {
		return c.token.now.AccessToken, nil
	}
	cc := clientcredentials.Config{ClientID: c.cfg.ID, ClientSecret: c.cfg.Secret, TokenURL: c.cfg.TokenURL, AuthStyle: oauth2.AuthStyleInHeader}
	t, err := cc.Token(context.WithValue(ctx, oauth2.HTTPClient, c.cfg.HTTP))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		e := newError(http.MethodPost, "token", refused.Response.StatusCode, refused.Body)
		if e.Status == http.StatusUnauthorized {
			e.Detail += " (client " + c.cfg.ID + ": check its id and secret)"
		}
		return "", e
	}
	if err != nil {
		return "", err
	}
	c.token.now = t
	return t.AccessToken, nil
}
