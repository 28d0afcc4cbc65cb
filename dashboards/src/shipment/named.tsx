import { useRef, useState } from "preact/hooks";
import type { Shipment } from "#rest";
import { Problem } from "../api/problem";
import { useSigned } from "../context";
import { newNonce } from "../evidence/nonce";
import { displayName } from "../format/member";
import { Icon } from "../ui/icon";

// Named tells an organisation that another has named it as a party, and lets it decline. It is asked twice: there is no way back.
export function Named({ shipment, onDeclined }: { shipment: Shipment; onDeclined: () => void }) {
  const { api, scopes } = useSigned();
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const key = useRef("");
  const opener = useRef<HTMLButtonElement>(null);
  if (shipment.may_decline.length === 0) return null;
  const decline = async () => {
    if (busy) return;
    key.current ||= newNonce(); // one try, however often it is sent
    setBusy(true);
    setProblem("");
    try {
      await api.decline(shipment.id, key.current);
      onDeclined();
    } catch (cause) {
      if (!(cause instanceof Problem) || !cause.transient) key.current = "";
      setProblem(cause instanceof Problem ? cause.message : "The server's answer could not be read");
      setBusy(false);
    }
  };
  return (
    <section class="card named" aria-label="Named as a party">
      <p>
        Named as {shipment.may_decline.join(" and ")} by <strong>{displayName(shipment.creator)}</strong>
      </p>
      {scopes.includes("shipments:write") &&
        (asked ? (
          <>
            <p>Your organisation will then be no party, and will not see this shipment any more. Nobody can take that back.</p>
            {problem && (
              <p class="form-problem" role="alert">
                <Icon name="warn" />
                {problem}
              </p>
            )}
            <p class="sign-go">
              <button type="button" class="button primary small" aria-disabled={busy} onClick={decline} ref={(b) => b?.focus()}>
                {busy ? "Writing to the ledger…" : "Decline for good"}
              </button>
              <button
                type="button"
                class="button quiet small"
                onClick={() => {
                  setAsked(false);
                  setTimeout(() => opener.current?.focus()); // it is drawn again first
                }}
              >
                Cancel
              </button>
            </p>
          </>
        ) : (
          <p>
            <button type="button" class="button small" ref={opener} onClick={() => setAsked(true)}>
              Decline
            </button>
          </p>
        ))}
    </section>
  );
}
