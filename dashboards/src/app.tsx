import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Client } from "./api/client";
import { returnedFrom } from "./api/provider";
import { credentialsIn, loadSession, saveSession, type Session } from "./api/session";
import { SignedContext, type Signed } from "./context";
import { members } from "./format/member";
import { quantities } from "./format/quantity";
import { pageAt } from "./pages";
import { SignIn } from "./pages/signin";
import { useEvery, useResource } from "./resource";
import { useHash } from "./route";
import { useStore } from "./store";
import { Header } from "./ui/header";
import { Strip } from "./ui/strip";

export function App() {
  // A secret in the address must not stay there: not in the history, not for the next screenshot.
  const [given, setGiven] = useState(() => {
    const found = credentialsIn(location.hash);
    if (found) history.replaceState(null, "", location.pathname + location.search);
    return found;
  });
  // So must what a provider sends back: it is good once.
  const [returned, setReturned] = useState(() => {
    const found = returnedFrom(location.search);
    if (found) history.replaceState(null, "", location.pathname + location.hash);
    return found;
  });
  const [session, setSession] = useState<Session | null>(() => (given || returned ? null : loadSession(sessionStorage, Date.now())));
  const [why, setWhy] = useState("");

  const become = (next: Session | null, reason = "") => {
    saveSession(sessionStorage, next);
    setReturned(null);
    setGiven(null); // good for one sign-in: a session that ends must not begin again by itself
    setSession(next);
    setWhy(reason);
  };
  if (!session) return <SignIn given={given} returned={returned} why={why} onSignedIn={become} />;
  return <SignedIn key={session.token} session={session} onSignOut={(reason) => become(null, reason)} />;
}

function SignedIn({ session, onSignOut }: { session: Session; onSignOut: (why?: string) => void }) {
  const signed = useMemo<Signed>(
    () => ({
      api: new Client(session.token, () => onSignOut("Your session has ended.")),
      token: session.token,
      who: session.client,
      scopes: session.scopes,
      signOut: onSignOut,
    }),
    [session.token],
  );
  // A token that ends while the page is open ends the page, before requests begin to fail.
  useEffect(() => {
    const left = Math.min(session.expiresAt - Date.now(), 2 ** 31 - 1);
    const timer = setTimeout(() => onSignOut("Your session has ended."), Math.max(left, 0));
    return () => clearTimeout(timer);
  }, [session.expiresAt]);
  return (
    <SignedContext.Provider value={signed}>
      <Pages session={session} signed={signed} />
    </SignedContext.Provider>
  );
}

function Pages({ session, signed }: { session: Session; signed: Signed }) {
  const { page, route } = pageAt(useHash());
  const title = page.title(route);
  useEffect(() => {
    document.title = `${title} · Trackseal`;
  }, [title]);

  // Without the table, or the right to ask for it, quantities go by their names.
  useStore(quantities);
  const table = useResource("quantities", (signal) => signed.api.quantities(signal));
  useEffect(() => {
    if (table.data) quantities.set(table.data.items);
  }, [table.data]);

  // Nor without the directory: organisations then go by the names that the API calls them.
  useStore(members);
  const directory = useResource("members", (signal) => signed.api.members(signal));
  useEffect(() => {
    if (directory.data) members.set(directory.data.items);
  }, [directory.data]);

  const network = useResource("network", (signal) => signed.api.network(signal));
  useEvery(10_000, network.reload);

  // Moving to another page moves the focus there, as a page load would.
  const place = `${route.path} ${route.id}`;
  const visited = useRef(place);
  useEffect(() => {
    if (visited.current === place) return;
    visited.current = place;
    document.getElementById("main")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [place]);

  return (
    <>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>
        Skip to content
      </a>
      <Header client={session.client} path={route.path} onSignOut={() => signed.signOut()} />
      <Strip network={network} />
      {page.view(route, network)}
    </>
  );
}
