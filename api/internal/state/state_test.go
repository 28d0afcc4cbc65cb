package state

import (
	"errors"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

// Pebble leaves its disk watcher behind when a folder is locked.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFS).startTickerLocked.func1"))
}

// keys lists a tenant as key=value.
func keys(t *testing.T, tenant *Tenant) []string {
	t.Helper()
	all := []string{}
	if err := tenant.Each(func(k, v []byte) error {
		all = append(all, string(k)+"="+string(v))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTenants: tenants share a file and see their own keys only, also when one's name begins another's; all of it survives.
func TestTenants(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hook, hooks := s.Tenant("hook"), s.Tenant("hooks")
	must(hook.Set([]byte("b"), []byte("1")))
	must(hook.Set([]byte("a"), []byte("2")))
	must(hook.Set([]byte("\xff\xff"), []byte("last")))
	must(hooks.Set([]byte("a"), []byte("other")))
	must(hooks.Set([]byte("gone"), nil))
	must(hooks.Delete([]byte("gone")))
	must(hook.Set([]byte("old"), nil))
	must(hook.Forget([]byte("old")))
	if v, err := hook.Get([]byte("none")); v != nil || err != nil {
		t.Errorf("a key that is not there: %q %v, want nil", v, err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("two processes may open one store")
	}
	must(s.Close())
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, want := keys(t, s.Tenant("hook")), []string{"a=2", "b=1", "\xff\xff=last"}; !slices.Equal(got, want) {
		t.Errorf("the first tenant has %q, want %q", got, want)
	}
	if got, want := keys(t, s.Tenant("hooks")), []string{"a=other"}; !slices.Equal(got, want) {
		t.Errorf("the second tenant has %q, want %q", got, want)
	}
	stop := errors.New("stop")
	if err := s.Tenant("hook").Each(func([]byte, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Each ends with %v, want the callback's error", err)
	}
}

// The copy of a store that goes on is the store of that moment.
func TestCheckpoint(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()+"/copy"
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hook := s.Tenant("hook")
	if err := errors.Join(hook.Set([]byte("a"), []byte("before")), s.Checkpoint(to), hook.Set([]byte("a"), []byte("after"))); err != nil {
		t.Fatal(err)
	}
	copied, err := Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if got := keys(t, copied.Tenant("hook")); !slices.Equal(got, []string{"a=before"}) {
		t.Errorf("the copy has %q, want a=before", got)
	}
}
