import { useState } from "preact/hooks";
import { shortHash } from "../format/words";
import { Icon } from "./icon";

// Hash shows enough of a hash to compare by eye and copies all of it.
export function Hash({ value, what }: { value: string | null | undefined; what: string }) {
  const [copied, setCopied] = useState(false);
  if (!value) return <span class="muted">none</span>;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      // Plain http has no clipboard; the full value is in the title.
    }
  };
  return (
    <button type="button" class="hash" title={value} onClick={copy}>
      <code>{shortHash(value)}</code>
      <span class="hidden">, copy this {what}</span>
      {copied ? <span class="copied" role="status">copied</span> : <Icon name="copy" size={14} />}
    </button>
  );
}
