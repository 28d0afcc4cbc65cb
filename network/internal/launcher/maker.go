package launcher

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/trackseal/trackseal/network/internal/membership"
)

// Maker shows the root certificate of a maker of trackers and agrees, as the folder's members, that its certificates count, or with end
// that they do not any more. Whoever completes the majority does it.
func (l *Launcher) Maker(ctx context.Context, file, name, as string, end bool) error {
	der, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(root.Subject.Organization) > 0 {
		name = cmp.Or(name, root.Subject.Organization[0])
	}
	name = cmp.Or(name, root.Subject.CommonName)
	fmt.Fprintf(l.Out, "maker        %s\nroot         %s\nvalid        %s to %s\nfingerprint  %x\n", name, root.Subject, root.NotBefore.UTC().Format(time.DateOnly), root.NotAfter.UTC().Format(time.DateOnly), sha256.Sum256(root.Raw))
	executed, err := l.decide(ctx, as, func(d membership.Desk) (membership.Step, error) { return d.Maker(ctx, name, root.Raw, end) })
	switch {
	case err != nil || executed == "":
		return err
	case end:
		fmt.Fprintln(l.Out, "keys in its certificates are not attested from now on; those that are stay so until they are replaced")
	default:
		fmt.Fprintln(l.Out, "keys in its certificates are attested from now on")
	}
	return nil
}
