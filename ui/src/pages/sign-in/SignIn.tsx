import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { LOGIN_KEY, useLogin } from "../../api/login";
import { get } from "../../api/request";
import { SignInForm } from "./SignInForm";

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
    queryFn: () => get<{ needed: boolean; demo?: { email: string; password: string } }>("/api/v1/first-run"),
    retry: false,
  });
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
      {fresh.data?.demo ? (
        <p className="card">
          This is a demo with made-up people. Its login: <code>{fresh.data.demo.email}</code>, password <code>{fresh.data.demo.password}</code>
        </p>
      ) : null}
      <SignInForm onSignedIn={() => void signedIn()} />
    </main>
  );
}
