import { createContext, useContext } from "react";
import type { Login, TenantName } from "../api/types";

export const LoginContext = createContext<Login | null>(null);

/** Whoever is signed in. Pages stand inside of [`SignedIn`], so there is somebody. */
export function useSignedIn(): Login {
  const login = useContext(LoginContext);
  if (login === null) {
    throw new Error("a page stands outside of SignedIn");
  }
  return login;
}

export function useTenant(): TenantName {
  return useSignedIn().tenant;
}

/** Address of a page of this business. */
export function usePath(): (path: string) => string {
  const { name } = useTenant();
  return (path) => `/t/${encodeURIComponent(name)}/${path}`;
}
