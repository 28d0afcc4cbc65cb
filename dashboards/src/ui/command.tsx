import { useState } from "preact/hooks";
import { Icon } from "./icon";

// Command is a line for a shell, with a button that copies it.
export function Command({ line, label }: { line: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(line);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      // Plain http has no clipboard; the line can be selected.
    }
  };
  return (
    <div class="command">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code>{line}</code>
      </pre>
      <button type="button" class="button small" onClick={copy}>
        <Icon name="copy" size={14} /> {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
