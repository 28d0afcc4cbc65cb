package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// smallOrder are all 14 encodings of the eight points whose order divides the cofactor.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000080",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000080",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}

type triple struct{ key, msg, sig []byte }

// both checks triples in one batch and one by one, and says which are good.
func both(t *testing.T, triples []triple) []bool {
	t.Helper()
	var b batch
	good := make([]bool, len(triples))
	var at []int // term -> triple
	expanded := map[string]*expandedKey{}
	for i, x := range triples {
		key := expanded[string(x.key)]
		if key == nil {
			if key = expandKey(x.key); key == nil {
				continue
			}
			expanded[string(x.key)] = key
		}
		if b.add(key, x.msg, x.sig) {
			good[i] = true
			at = append(at, i)
		}
	}
	wrong, err := b.wrong(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		good[at[w]] = false
	}
	for i, x := range triples {
		if single := (telemetry.PublicKey{Alg: telemetry.Ed25519, Raw: x.key}).VerifyBytes(x.msg, x.sig) == nil; single != good[i] {
			t.Errorf("signature %d: batch %v, single %v\nkey %x\nsig %x", i, good[i], single, x.key, x.sig)
		}
	}
	return good
}

// TestBatchSmallOrder: the 196 cases where Ed25519 verifiers disagree are all good by ZIP 215, alone and together.
func TestBatchSmallOrder(t *testing.T) {
	var all []triple
	for _, a := range smallOrder {
		for _, r := range smallOrder {
			key, _ := hex.DecodeString(a)
			sig, _ := hex.DecodeString(r)
			x := triple{key, []byte("Zcash"), append(sig, make([]byte, 32)...)}
			if !both(t, []triple{x})[0] {
				t.Errorf("key %s, R %s is refused", a, r)
			}
			all = append(all, x)
		}
	}
	if slices.Contains(both(t, all), false) {
		t.Error("refused together")
	}
	all[100].sig[32] = 1
	if good := both(t, all); good[100] {
		t.Error("one with S = 1 passes among the others")
	}
}

func signedTriples(t *testing.T, keys, n int) []triple {
	t.Helper()
	private := make([]ed25519.PrivateKey, keys)
	for i := range private {
		_, private[i], _ = ed25519.GenerateKey(rand.Reader)
	}
	out := make([]triple, n)
	for i := range out {
		k := private[i%keys]
		msg := make([]byte, 40+i)
		_, _ = rand.Read(msg)
		out[i] = triple{k.Public().(ed25519.PublicKey), msg, ed25519.Sign(k, msg)}
	}
	return out
}

// TestBatchNamesTheWrongOnes spoils some signatures of batches of all sizes, across both algorithms of the library.
func TestBatchNamesTheWrongOnes(t *testing.T) {
	for _, n := range []int{1, 2, 3, 17, 64, 300} {
		for _, keys := range []int{1, 5, n} {
			for _, spoilt := range []int{0, 1, min(3, n), n} {
				all := signedTriples(t, keys, n)
				bad := map[int]bool{}
				for len(bad) < spoilt {
					bad[mathrand.IntN(n)] = true
				}
				for i := range bad {
					switch x := &all[i]; mathrand.IntN(5) {
					case 0:
						x.msg = append(bytes.Clone(x.msg), 1)
					case 1:
						x.sig[mathrand.IntN(64)] ^= 1 << mathrand.IntN(8)
					case 2:
						x.sig = x.sig[:63]
					case 3:
						x.key, _, _ = ed25519.GenerateKey(rand.Reader)
					case 4: // two wrongs must not make a right: same key, S moved by one in two places of the batch
						x.sig[32] ^= 1
					}
				}
				for i, good := range both(t, all) {
					if good == bad[i] {
						t.Fatalf("%d signatures, %d keys: signature %d is judged %v", n, keys, i, good)
					}
				}
			}
		}
	}
}

// TestBatchWithoutRandomness refuses to go on with factors that a signer could know.
func TestBatchWithoutRandomness(t *testing.T) {
	x := signedTriples(t, 1, 1)[0]
	var b batch
	b.add(expandKey(x.key), x.msg, x.sig)
	if _, err := b.wrong(bytes.NewReader(nil)); err == nil {
		t.Fatal("no error")
	}
}

// TestKeysForgetTheSilent: the cache stays within its two generations, and who speaks keeps its key.
func TestKeysForgetTheSilent(t *testing.T) {
	var k keys
	public, _, _ := ed25519.GenerateKey(rand.Reader)
	key := telemetry.PublicKey{Alg: telemetry.Ed25519, Raw: public}
	busy := k.get(key.KID(), key)
	for i := range 3 * maxExpanded {
		k.get([32]byte{1, byte(i), byte(i >> 8), byte(i >> 16)}, key)
		if i%1000 == 0 && k.get(key.KID(), key) != busy {
			t.Fatal("a busy key was forgotten")
		}
	}
	if n := k.last.Len(); n > 2*maxExpanded {
		t.Fatalf("%d keys", n)
	}
	if k.get([32]byte{9}, telemetry.PublicKey{Alg: telemetry.ESP256, Raw: make([]byte, 65)}) != nil {
		t.Fatal("P-256 has no expanded form")
	}
}

func FuzzBatchAgainstSingle(f *testing.F) {
	_, key, _ := ed25519.GenerateKey(nil)
	good := ed25519.Sign(key, []byte("m"))
	f.Add([]byte(key.Public().(ed25519.PublicKey)), []byte("m"), good)
	f.Fuzz(func(t *testing.T, public, msg, sig []byte) {
		if len(public) == 32 {
			both(t, []triple{{public, msg, sig}, {key.Public().(ed25519.PublicKey), []byte("m"), good}})
		}
	})
}

func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{1, 8, 32, 128, 256, 512, 1024} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var triples []triple
			private := make([]ed25519.PrivateKey, 32)
			keys := make([]*expandedKey, len(private))
			for i := range private {
				_, private[i], _ = ed25519.GenerateKey(rand.Reader)
				keys[i] = expandKey(private[i].Public().(ed25519.PublicKey))
			}
			for i := range n {
				msg := make([]byte, 180)
				triples = append(triples, triple{nil, msg, ed25519.Sign(private[i%32], msg)})
			}
			var bt batch
			for b.Loop() {
				bt.reset()
				for i, x := range triples {
					bt.add(keys[i%32], x.msg, x.sig)
				}
				if wrong, err := bt.wrong(rand.Reader); len(wrong) > 0 || err != nil {
					b.Fatal(errors.New("not verified"))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/signature")
		})
	}
}
