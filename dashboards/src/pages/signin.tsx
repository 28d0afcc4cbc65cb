import { useEffect, useRef, useState } from "preact/hooks";
import type { Ways } from "#rest";
import { Problem } from "../api/problem";
import { beginSignIn, finishSignIn, waysIn, type Returned } from "../api/provider";
import { signIn, type Session } from "../api/session";
import { Icon } from "../ui/icon";
import { Logo } from "../ui/logo";

export function SignIn(props: {
  given: { client: string; secret: string } | null;
  returned: Returned | null;
  why: string;
  onSignedIn: (session: Session) => void;
}) {
  const [ways, setWays] = useState<Ways | null>(null);
  const [client, setClient] = useState(props.given?.client ?? "");
  const [secret, setSecret] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const secretField = useRef<HTMLInputElement>(null);

  const attempt = async (how: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await how();
    } catch (cause) {
      setBusy(false);
      setProblem(cause instanceof Problem ? cause : new Problem(0, "failed", "The server's answer could not be read"));
      secretField.current?.focus();
    }
  };
  const send = (id: string, key: string) => attempt(async () => props.onSignedIn(await signIn(id, key, Date.now())));

  useEffect(() => {
    document.title = "Sign in · Trackseal";
    const { given, returned } = props;
    if (given) void send(given.client, given.secret);
    if (returned)
      void attempt(async () => {
        const { session, hash } = await finishSignIn(returned, sessionStorage, Date.now());
        if (hash) location.hash = hash;
        props.onSignedIn(session);
      });
    // The form is offered unless the server says that there are no clients.
    waysIn().then(setWays, (cause: unknown) => {
      setWays({ clients: true, people: null });
      if (cause instanceof Problem && cause.code === "provider_unavailable") setProblem(cause);
    });
  }, []);

  const people = ways?.people;
  return (
    <main class="signin">
      <div class="signin-box">
        <Logo />
        <h1>Sign in</h1>
        <p class="muted">{people ? "Use your account, so that what you sign bears your name." : "Use a client of your organisation."}</p>
        {props.why && !problem && (
          <p class="note" role="status">
            <Icon name="clock" /> {props.why}
          </p>
        )}
        {people && (
          <button
            class="button primary block"
            type="button"
            disabled={busy}
            onClick={() => void attempt(async () => location.assign(await beginSignIn(people, sessionStorage, location)))}
          >
            {busy ? "Signing in…" : `Sign in at ${new URL(people.issuer).host}`}
          </button>
        )}
        {people && problem && <Wrong problem={problem} />}
        {people && ways.clients && <p class="muted small">Or with a client of your organisation. What it signs shows as signed by a machine.</p>}
        {ways?.clients && (
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
            {!people && problem && <Wrong problem={problem} />}
            <button class={`button block${people ? "" : " primary"}`} type="submit" disabled={busy}>
              {busy ? "Signing in…" : "Sign in"}
            </button>
          </form>
        )}
        <p class="muted small">The token is kept in this tab until you close it. {ways?.clients && "The secret is not kept."}</p>
      </div>
    </main>
  );
}

function Wrong({ problem }: { problem: Problem }) {
  return (
    <p class="form-problem" id="signin-problem" role="alert">
      <Icon name="warn" />
      <span>
        {problem.title}
        {problem.detail && `. ${problem.detail}`}
      </span>
    </p>
  );
}
