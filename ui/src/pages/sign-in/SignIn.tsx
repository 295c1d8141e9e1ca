import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { LOGIN_KEY, useLogin } from "../../api/login";
import { get } from "../../api/request";
import { SignInForm } from "./SignInForm";
import "./sign-in.css";

interface FirstRun {
  needed: boolean;
  /** Logins of a demo on this machine, one per business. */
  demo_logins?: { tenant: string; display_name: string; email: string; password: string }[];
}

/** Only an address of ours; `//elsewhere` and whole addresses are not. */
export function safeNext(next: string | null): string {
  return next !== null && /^\/(?![/\\])/.test(next) ? next : "/";
}

export default function SignIn() {
  const login = useLogin();
  const queries = useQueryClient();
  const go = useNavigate();
  const [query] = useSearchParams();
  const next = safeNext(query.get("next"));
  const fresh = useQuery({
    queryKey: ["first-run"],
    queryFn: () => get<FirstRun>("/api/v1/first-run"),
    retry: false,
  });
  const demo = fresh.data?.demo_logins ?? [];
  const [chosen, setChosen] = useState<{ email: string; password: string } | null>(null);
  useEffect(() => {
    document.title = "Sign in · Switchboard";
  }, []);
  if (login.data) {
    return <Navigate to={next} replace />;
  }
  const signedIn = async () => {
    await queries.invalidateQueries({ queryKey: LOGIN_KEY });
    void go(next, { replace: true });
  };
  return (
    <main className="page-alone">
      <h1>Sign in to Switchboard</h1>
      {fresh.data?.needed ? (
        <p>
          Nobody has a login here yet. The server printed a link for its first login when it started: open that one.
        </p>
      ) : null}
      {demo.length > 0 ? (
        <section className="card demo-logins" aria-label="Demo logins">
          <p>This is a demo with made-up people. Each business has a login:</p>
          <ul>
            {demo.map((login) => (
              <li key={login.tenant}>
                <button type="button" className="demo-login" onClick={() => setChosen(login)}>
                  {login.display_name}
                </button>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <SignInForm key={chosen?.email} email={chosen?.email ?? ""} password={chosen?.password ?? ""} onSignedIn={() => void signedIn()} />
    </main>
  );
}
