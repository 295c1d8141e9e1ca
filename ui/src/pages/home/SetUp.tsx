import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { mayAs } from "../../api/login";
import { get } from "../../api/request";
import type { CallRow, List } from "../../api/types";
import { usePath, useSignedIn } from "../../frame/tenant";

interface Step {
  name: string;
  /** `null` where it cannot be told. */
  isDone: boolean | null;
  how: ReactNode;
}

/** What is still missing for real calls. Gone when nothing is. */
export function SetUp() {
  const login = useSignedIn();
  const path = usePath();
  const talks = useQuery({ queryKey: ["set-up-talks"], queryFn: () => get<List<CallRow>>("/api/v1/calls?channel=web_voice&limit=1") });
  const calls = useQuery({ queryKey: ["set-up-calls"], queryFn: () => get<List<CallRow>>("/api/v1/calls?channel=phone&limit=1") });
  const staff = useQuery({ queryKey: ["staff"], queryFn: () => get<List<unknown>>("/api/v1/staff"), enabled: mayAs(login, "manager"), retry: false });
  const has = (list: { data?: List<unknown> | undefined }, count = 1) => (list.data === undefined ? null : list.data.items.length >= count);
  const steps: Step[] = [
    { name: "Talk to your agent in this browser", isDone: has(talks), how: <Link to={path("talk")}>Hear how it sounds</Link> },
    {
      name: "Take a call on a telephone number",
      isDone: has(calls),
      how: (
        <>
          Point a number of your carrier at this server; <code>switchboard doctor</code> looks whether it is wired right.
        </>
      ),
    },
    {
      name: "Let a colleague in",
      isDone: has(staff, 2),
      how: (
        <>
          <code>switchboard staff invite</code> prints a link for them.
        </>
      ),
    },
  ];
  const open = steps.filter((step) => step.isDone === false);
  if (open.length === 0) {
    return null;
  }
  return (
    <section className="card" aria-labelledby="home-set-up">
      <h2 id="home-set-up">Set up</h2>
      <ul className="home-list">
        {open.map((step) => (
          <li key={step.name}>
            <b>{step.name}</b>
            <p className="quiet">{step.how}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}
