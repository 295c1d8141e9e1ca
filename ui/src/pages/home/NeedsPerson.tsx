import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { get, withQuery } from "../../api/request";
import type { CallRow, List } from "../../api/types";
import { usePath, useTenant } from "../../frame/tenant";
import { whoWords } from "../../parts/CallFacts";
import { Failure } from "../../parts/Failure";
import { Time } from "../../parts/Time";
import { WaitingRows } from "../../parts/Waiting";
import { endSentence } from "../../words/ends";

/** Callers who are still waiting for somebody, by how their call ended. */
const WAITING: Record<string, string> = {
  voicemail: "left a voicemail",
  message_left: "left a message",
  fallback: "did not get to talk with the agent",
  failed: "was cut off by a failure",
};

/** Older ones are under Calls: nobody calls back after two weeks. */
const DAYS = 14;
const DAY_MS = 86_400_000;
const SHOWN_MAX = 12;

/** Who waits for a person, longest first. */
export function NeedsPerson() {
  const { name } = useTenant();
  const path = usePath();
  const [since] = useState(() => new Date(Date.now() - DAYS * DAY_MS).toISOString());
  const [done, setDone] = useDone(name);
  const calls = useQuery({
    queryKey: ["needs-person", since],
    queryFn: async () => {
      const lists = Object.keys(WAITING).map((outcome) => get<List<CallRow>>(withQuery("/api/v1/calls", { outcome, from: since, limit: 50 })));
      return (await Promise.all(lists)).flatMap(({ items }) => items).sort((one, other) => one.offered_at.localeCompare(other.offered_at));
    },
    refetchInterval: 60_000,
  });
  const waiting = (calls.data ?? []).filter((call) => !done.has(call.id));
  return (
    <section className="card home-wide" aria-labelledby="home-needs">
      <h2 id="home-needs">Needs a person{waiting.length > 0 ? ` (${waiting.length})` : ""}</h2>
      {calls.isPending ? <WaitingRows rows={3} what="Waiting callers" /> : null}
      {calls.isError && calls.data === undefined ? <Failure what="The waiting callers could not be read." error={calls.error} retry={() => void calls.refetch()} /> : null}
      {calls.data && waiting.length === 0 ? <p className="quiet">Nobody is waiting.</p> : null}
      <ul className="home-list">
        {waiting.slice(0, SHOWN_MAX).map((call) => (
          <li key={call.id} className="home-waiting">
            <span className="home-who">
              <Link to={path(`calls/${call.id}`)}>
                <bdi>{whoWords(call)}</bdi>
              </Link>{" "}
              {WAITING[call.outcome ?? ""]}
              <span className="quiet small">
                {" "}
                <Time at={call.offered_at} /> · {endSentence(call.end_reason)}
              </span>
            </span>
            <span className="bar">
              {call.caller_number?.startsWith("+") ? (
                <Button component="a" href={`tel:${call.caller_number.replaceAll(" ", "")}`} variant="default" size="compact-sm">
                  Call back
                </Button>
              ) : null}
              <Button variant="default" size="compact-sm" aria-label={`Done: ${whoWords(call)}`} onClick={() => setDone(new Set([...done, call.id]))}>
                Done
              </Button>
            </span>
          </li>
        ))}
      </ul>
      {waiting.length > SHOWN_MAX ? (
        <p>
          <Link to={path("calls?outcome=fallback")}>{waiting.length - SHOWN_MAX} more under Calls</Link>
        </p>
      ) : null}
      {done.size > 0 ? (
        <p className="quiet small">
          {done.size === 1 ? "1 is" : `${done.size} are`} marked as done in this browser.{" "}
          <button type="button" className="link-button" onClick={() => setDone(new Set())}>
            Show again
          </button>
        </p>
      ) : null}
    </section>
  );
}

/** Kept by the browser: the server has no mark for it. Only the newest few hundred, because old ones are not shown. */
function useDone(tenant: string): [Set<string>, (done: Set<string>) => void] {
  const key = `switchboard-done-${tenant}`;
  const [done, setDone] = useState(() => new Set((localStorage.getItem(key) ?? "").split(" ").filter(Boolean)));
  return [
    done,
    (next) => {
      localStorage.setItem(key, [...next].slice(-400).join(" "));
      setDone(next);
    },
  ];
}
