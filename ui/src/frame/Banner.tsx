import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useLiveState } from "../api/live";
import { get } from "../api/request";
import { useSignedIn } from "./tenant";
import { Link } from "react-router";
import { usePath } from "./tenant";

interface Switches {
  items?: { switch: string; value: unknown; expires_at?: string | null; set_by?: string | null; set_at?: string | null }[];
}

/** What is true for every page and cannot be waved away: a switch of emergency, a lost server, an unfinished login. */
export function Banner() {
  return (
    <div className="banners">
      <Lost />
      <BridgeOnly />
      <FactorWanted />
    </div>
  );
}

function Lost() {
  const { lostAt } = useLiveState();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (lostAt === null) {
      return;
    }
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [lostAt]);
  const seconds = lostAt === null ? 0 : Math.max(0, Math.round((now - lostAt) / 1000));
  // A blink of the network is not worth a word.
  if (lostAt === null || seconds < 2) {
    return null;
  }
  return (
    <div className="banner banner-attention" role="alert">
      <span aria-hidden="true">▲</span> No news from the server for {seconds} s. Figures are as they were then; trying again.
    </div>
  );
}

function BridgeOnly() {
  const switches = useQuery({
    queryKey: ["switches"],
    queryFn: () => get<Switches>("/api/v1/switches"),
    refetchInterval: 15_000,
    retry: false,
  });
  const on = switches.data?.items?.find((item) => item.switch === "bridge_only" && (item.value === true || item.value === "on"));
  return on ? (
    <div className="banner banner-bad" role="status">
      <span aria-hidden="true">⚠</span> Bridge-only is on{on.set_by ? `, switched by ${on.set_by}` : ""}. Calls go straight to a person
      {on.expires_at ? ` until ${new Date(on.expires_at).toLocaleTimeString()}` : ""}.
    </div>
  ) : null;
}

function FactorWanted() {
  const { second_factor: factor } = useSignedIn();
  const path = usePath();
  return factor.required && !factor.enrolled ? (
    <div className="banner banner-attention">
      <span aria-hidden="true">▲</span> Your role needs a second factor at sign-in. <Link to={path("second-factor")}>Set it up</Link>
    </div>
  ) : null;
}
