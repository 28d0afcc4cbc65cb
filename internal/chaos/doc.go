// Package chaos breaks a running stack on purpose while trackers send, and accounts for every message afterwards.
package chaos
