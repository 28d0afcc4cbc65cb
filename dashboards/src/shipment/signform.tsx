import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Problem } from "../api/problem";
import type { Signed } from "#rest";
import { useSigned } from "../context";
import { newNonce } from "../evidence/nonce";
import { meaningWord } from "../format/judged";
import { Field } from "../ui/field";
import { Icon } from "../ui/icon";

const meanings = ["reviewed", "approved", "responsibility", "authorship"];
const asked: Record<string, string> = { reason: "Enter a reason" };

// SignForm asks for the meaning and the reason of an electronic signature. Who signs is who is signed in.
export function SignForm(props: {
  id: string; // prefix of the controls
  label: string;
  action: string;
  subject: string; // names what is sent, beside the signature: a change of it is another request
  children?: ComponentChildren;
  onSign: (signed: Signed, key: string) => Promise<void>;
  onCancel?: () => void;
}) {
  const { who } = useSigned();
  const [values, setValues] = useState<Signed>({ meaning: "reviewed", reason: "" });
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  // A request that may have reached the ledger is sent again with its key, so it cannot sign twice.
  const sent = useRef<{ text: string; key: string } | null>(null);

  const set = (name: keyof Signed) => (e: { currentTarget: { value: string } }) => setValues({ ...values, [name]: e.currentTarget.value });
  const refuse = (fields: Record<string, string>, rest: string) => {
    setWrong(fields);
    setProblem(rest);
    const first = ["meaning", "reason"].find((f) => fields[f]);
    if (first) form.current?.querySelector<HTMLElement>(`#${CSS.escape(`${props.id}-${first}`)}`)?.focus();
  };
  const send = async (e: Event) => {
    e.preventDefault();
    if (busy) return;
    const signed: Signed = { meaning: values.meaning, reason: values.reason.trim() };
    const missing = Object.entries(asked).filter(([field]) => !signed[field as keyof Signed]);
    if (missing.length > 0) return refuse(Object.fromEntries(missing), "");
    const text = JSON.stringify([props.subject, signed]);
    if (sent.current?.text !== text) sent.current = { text, key: newNonce() };
    setBusy(true);
    refuse({}, "");
    try {
      await props.onSign(signed, sent.current.key);
    } catch (cause) {
      const p = cause instanceof Problem ? cause : new Problem(0, "failed", "The server's answer could not be read", String(cause));
      // Refused for good: the next try is a new one.
      if (!p.transient && p.code !== "idempotency_in_progress") sent.current = null;
      setBusy(false);
      const at: Record<string, string> = {};
      for (const f of p.fields) {
        const name = f.field.replace(/^body\./, "");
        if (name in values) at[name] = f.detail;
      }
      refuse(at, Object.keys(at).length > 0 && Object.keys(at).length === p.fields.length ? "" : p.message);
    }
  };

  return (
    <form class="sign" aria-label={props.label} onSubmit={send} noValidate ref={form}>
      {props.children}
      <div class="sign-row">
        <Field id={`${props.id}-meaning`} label="Meaning" problem={wrong.meaning}>
          {(control) => (
            <select {...control} value={values.meaning} onChange={set("meaning")}>
              {meanings.map((m) => (
                <option key={m} value={m}>
                  {meaningWord(m)}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <Field id={`${props.id}-reason`} label="Reason" problem={wrong.reason}>
        {(control) => <textarea {...control} rows={2} maxLength={1024} value={values.reason} onInput={set("reason")} />}
      </Field>
      {problem && (
        <p class="form-problem" role="alert">
          <Icon name="warn" />
          {problem}
        </p>
      )}
      <p class="sign-go">
        <button type="submit" class="button primary small" aria-disabled={busy}>
          <Icon name="seal" /> {busy ? "Writing to the ledger…" : props.action}
        </button>
        {props.onCancel && (
          <button type="button" class="button quiet small" onClick={props.onCancel}>
            Cancel
          </button>
        )}
        <span class="muted small">You sign for your organisation as {who}. The signature stays on the ledger.</span>
      </p>
    </form>
  );
}
