import { useQuery } from "@tanstack/react-query";
import { get, ProblemError } from "./request";
import type { Login } from "./types";

export const LOGIN_KEY = ["session"] as const;

/** Who is signed in; `null` is nobody. */
export function useLogin() {
  return useQuery({
    queryKey: LOGIN_KEY,
    queryFn: async () => {
      try {
        return await get<Login>("/api/v1/session");
      } catch (error) {
        if (error instanceof ProblemError && error.problem.status === 401) {
          return null;
        }
        throw error;
      }
    },
    staleTime: 60_000,
    refetchOnWindowFocus: true,
  });
}

/** Whether the server lets `login` do this. */
export function mayDo(login: Login, capability: string): boolean {
  return login.capabilities.includes(capability);
}

const LEVELS = ["viewer", "staff", "manager", "owner"];

/** Whether `login` may do what needs at least `role`. Operators may what owners may. */
export function mayAs(login: Login, role: "viewer" | "staff" | "manager" | "owner"): boolean {
  return login.role === "operator" || LEVELS.indexOf(login.role) >= LEVELS.indexOf(role);
}
