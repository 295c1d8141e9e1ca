import { useQueryClient } from "@tanstack/react-query";
import { Navigate, Outlet, useLocation } from "react-router";
import { LOGIN_KEY, useLogin } from "../api/login";
import { Failure } from "../parts/Failure";
import { ExpiredLogin } from "./ExpiredLogin";
import { LoginContext, useTenant } from "./tenant";
import { useRef } from "react";
import type { Login } from "../api/types";

/** Nobody signed in goes to the sign-in page and comes back; who was signed in is asked again over the page, so that a
 *  draft behind it survives. */
export function SignedIn() {
  const login = useLogin();
  const queries = useQueryClient();
  const last = useRef<Login | null>(null);
  const here = useLocation();
  if (login.data) {
    last.current = login.data;
  }
  if (login.isPending) {
    return null;
  }
  if (login.isError && last.current === null) {
    return (
      <main className="page-alone">
        <Failure what="Nobody could be signed in." error={login.error} retry={() => void login.refetch()} />
      </main>
    );
  }
  if (last.current === null) {
    const back = here.pathname === "/" ? "" : `?next=${encodeURIComponent(here.pathname + here.search + here.hash)}`;
    return <Navigate to={`/sign-in${back}`} replace />;
  }
  return (
    <LoginContext.Provider value={login.data ?? last.current}>
      <Outlet />
      {login.data === null ? (
        <ExpiredLogin email={last.current.email} onSignedIn={() => void queries.invalidateQueries({ queryKey: LOGIN_KEY })} />
      ) : null}
    </LoginContext.Provider>
  );
}

/** A bare address leads to the business of this login. */
export function HomeRedirect() {
  const { name } = useTenant();
  return <Navigate to={`/t/${encodeURIComponent(name)}/`} replace />;
}
