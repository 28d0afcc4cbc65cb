// Package monitoring tries the alert rules that lie beside it.
package monitoring
