package ledger

import (
	"strconv"
	"strings"
)

// An ingest instance whose journal cannot go on begins a new life: on the ledger, in leaves and in the ids of its logs it is then
// called carrier.ingest-1.life-2, then .life-3 and so on. Its first life has the instance's own id. A life has a heads log of its own,
// and logs of its own. The first anchor of a life takes the one before out of service, so that whoever still has the old journal is
// refused.

// MaxLives of one instance: whoever closes a shipment looks at all of them.
const MaxLives = 100

const lifeMark = ".life-"

// LifeOf tells which life of which instance an id names.
func LifeOf(id string) (instance string, life int) {
	i := strings.LastIndex(id, lifeMark)
	if i <= 0 {
		return id, 1
	}
	n, err := strconv.Atoi(id[i+len(lifeMark):])
	if err != nil || n < 2 || n > MaxLives || LifeID(id[:i], n) != id {
		return id, 1
	}
	return id[:i], n
}

// LifeID names a life of an instance.
func LifeID(instance string, life int) string {
	if life <= 1 {
		return instance
	}
	return instance + lifeMark + strconv.Itoa(life)
}

// Lives are the ids of a life and of those before it, the first one first.
func Lives(id string) []string {
	instance, life := LifeOf(id)
	ids := make([]string, life)
	for i := range ids {
		ids[i] = LifeID(instance, i+1)
	}
	return ids
}

// IsLater reports whether an id names a later life of the instance of another id.
func IsLater(id, than string) bool {
	a, n := LifeOf(id)
	b, m := LifeOf(than)
	return a == b && n > m
}
