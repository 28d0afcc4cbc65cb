package fabricproof

import (
	"errors"
	"fmt"
	"slices"
)

// lifecycle is the namespace of chaincode definitions; every endorsement reads the one it ran under.
const lifecycle = "_lifecycle"

// decodeRWSet accepts the chaincode's own namespace and reads of its definition. Anything else (private data, range
// queries, key-level policies, other namespaces) is refused: what they do to the state cannot be followed from here.
func decodeRWSet(results []byte, chaincode string) (reads []Read, writes []Write, err error) {
	var model uint32
	seen := map[string]bool{}
	err = message(results, "read-write set", intOf(1, &model), each(2, func(b []byte) error {
		var ns string
		var raw []byte
		if err := message(b, "namespace", textOf(1, &ns), bytesOf(2, &raw)); err != nil {
			return err
		}
		if seen[ns] || ns != chaincode && ns != lifecycle {
			return fmt.Errorf("namespace %q is repeated or not expected", ns)
		}
		seen[ns] = true
		return message(raw, "namespace "+ns,
			each(1, func(b []byte) error {
				r := Read{Namespace: ns}
				if err := message(b, "read", textOf(1, &r.Key), sub(2, func(b []byte) error {
					r.Version = new(Version)
					return message(b, "version", uintOf(1, &r.Version.Block), uintOf(2, &r.Version.Tx))
				})); err != nil {
					return err
				}
				if slices.ContainsFunc(reads, func(other Read) bool { return other.Namespace == ns && other.Key == r.Key }) {
					return fmt.Errorf("key %q is read twice", r.Key)
				}
				reads = append(reads, r)
				return nil
			}),
			each(3, func(b []byte) error {
				if ns != chaincode {
					return fmt.Errorf("namespace %q is written", ns)
				}
				w := Write{Namespace: ns}
				if err := message(b, "write", textOf(1, &w.Key), boolOf(2, &w.Delete), bytesOf(3, &w.Value)); err != nil {
					return err
				}
				if slices.ContainsFunc(writes, func(other Write) bool { return other.Key == w.Key }) {
					return fmt.Errorf("key %q is written twice", w.Key)
				}
				writes = append(writes, w)
				return nil
			}))
	}))
	if err == nil && model != 0 {
		err = errors.New("read-write set: not of the key-value model")
	}
	return reads, writes, err
}

// Definition is the position of the chaincode definition that the endorsers ran under.
func (t *Transaction) Definition(chaincode string) (Version, bool) {
	r, ok := t.Read(lifecycle, "namespaces/fields/"+chaincode+"/Sequence")
	if !ok || r.Version == nil {
		return Version{}, false
	}
	return *r.Version, true
}
