import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api/problem";
import { signIn, type Session } from "../api/session";
import { Icon } from "../ui/icon";
import { Logo } from "../ui/logo";

export function SignIn(props: {
  given: { client: string; secret: string } | null;
  why: string;
  onSignedIn: (session: Session) => void;
}) {
  const [client, setClient] = useState(props.given?.client ?? "");
  const [secret, setSecret] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const secretField = useRef<HTMLInputElement>(null);

  const send = async (id: string, key: string) => {
    setBusy(true);
    setProblem(null);
    try {
      props.onSignedIn(await signIn(id, key, Date.now()));
    } catch (cause) {
      setBusy(false);
      setProblem(cause instanceof Problem ? cause : new Problem(0, "failed", "The server's answer could not be read"));
      secretField.current?.focus();
    }
  };

  useEffect(() => {
    document.title = "Sign in · Trackseal";
    if (props.given) void send(props.given.client, props.given.secret);
  }, []);

  return (
    <main class="signin">
      <div class="signin-box">
        <Logo />
        <h1>Sign in</h1>
        <p class="muted">Use a client of your organisation.</p>
        {props.why && !problem && (
          <p class="note" role="status">
            <Icon name="clock" /> {props.why}
          </p>
        )}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (client && secret) void send(client.trim(), secret);
          }}
        >
          <label for="client">Client ID</label>
          <input
            id="client"
            name="client"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            placeholder="carrier-viewer"
            value={client}
            onInput={(e) => setClient(e.currentTarget.value)}
          />
          <label for="secret">Client secret</label>
          <input
            id="secret"
            name="secret"
            type="password"
            autocomplete="current-password"
            required
            ref={secretField}
            aria-invalid={problem?.code === "invalid_client"}
            aria-describedby={problem ? "signin-problem" : undefined}
            value={secret}
            onInput={(e) => setSecret(e.currentTarget.value)}
          />
          {problem && (
            <p class="form-problem" id="signin-problem" role="alert">
              <Icon name="warn" />
              <span>
                {problem.title}
                {problem.detail && `. ${problem.detail}`}
              </span>
            </p>
          )}
          <button class="button primary block" type="submit" disabled={busy}>
            {busy ? "Signing in…" : "Sign in"}
          </button>
        </form>
        <p class="muted small">The token is kept in this tab until you close it. The secret is not kept.</p>
      </div>
    </main>
  );
}
