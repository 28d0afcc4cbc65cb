// newNonce makes the random bytes that the peers sign along, so that their answers cannot be old. They come from this
// browser, never from the server.
export function newNonce(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

// problemOfNonce says what is wrong with a nonce that a person typed, or "".
export function problemOfNonce(nonce: string): string {
  if (!/^[0-9a-f]*$/.test(nonce)) return "A nonce is lower-case hex: 0 to 9 and a to f";
  if (nonce.length % 2 !== 0) return "A nonce has an even number of hex digits";
  return "";
}

// commandOf is how to check the same file without this page.
export function commandOf(bundle: string, policy: string, nonce: string, kind = "shipment"): string {
  const verb = kind === "message" ? "message " : "";
  return `go run ./verify ${verb}${quote(bundle)} --policy ${quote(policy)}${nonce ? ` --nonce ${nonce}` : ""}`;
}

// quote for a POSIX shell; plain names stay plain, and a name never becomes an option.
function quote(text: string): string {
  if (text.startsWith("-")) text = `./${text}`;
  return /^[A-Za-z0-9_./:@%+,=][A-Za-z0-9_./:@%+,=-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
