import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { get } from "../api/request";
import type { LiveSnapshot } from "../api/types";
import { useLive } from "../api/live";
import { useQueryClient } from "@tanstack/react-query";
import { usePath } from "./tenant";

export const LIVE_KEY = ["live-calls"] as const;

export function useLiveCalls() {
  const queries = useQueryClient();
  const calls = useQuery({
    queryKey: LIVE_KEY,
    queryFn: () => get<LiveSnapshot>("/api/v1/live/calls"),
    refetchInterval: 30_000,
  });
  useLive(calls.data ? "calls" : null, calls.data?.number ?? null, () => {
    void queries.invalidateQueries({ queryKey: LIVE_KEY });
  });
  return calls;
}

/** How many calls are live now, on every page. */
export function LiveCount() {
  const calls = useLiveCalls();
  const path = usePath();
  if (calls.data === undefined) {
    return null;
  }
  const count = calls.data.items.length;
  return (
    <Link to={path("live")} className="live-count">
      <span aria-hidden="true" className={count > 0 ? "tone-good" : "tone-quiet"}>
        {count > 0 ? "●" : "○"}
      </span>{" "}
      {count} live
    </Link>
  );
}
