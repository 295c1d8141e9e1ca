import { Button, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { mayAs } from "../../api/login";
import { request } from "../../api/request";
import type { BudgetLimits, Budgets } from "../../api/types";
import { useSignedIn } from "../../frame/tenant";
import { Failure } from "../../parts/Failure";
import { lengthWords, moneyWords, timeWords } from "../../words/amounts";

const MICROS = 1_000_000;
const CURRENCY = "USD";

type Name = keyof BudgetLimits;

const ROWS: { name: Name; title: string; at: string }[] = [
  { name: "tenant_day", title: "This business, one day", at: "No further reply and no further call starts; telephone callers go to a person." },
  { name: "user_day", title: "One user of your app, one day", at: "No further reply and no further session of this user starts." },
  { name: "session", title: "One call", at: "The agent says so, then hands over or ends as its file says." },
  { name: "session_s", title: "One session in a browser or app", at: "The agent says so, then hands over or ends." },
].map((row) => ({ ...row, name: (row.name === "session_s" ? row.name : `${row.name}_micros`) as Name }));

/** Limits of money with what of them is used, and their form for those who may. */
export function BudgetList({ budgets }: { budgets: Budgets }) {
  const login = useSignedIn();
  const [isEditing, setEditing] = useState(false);
  const { today } = budgets;
  return (
    <>
      <p className="quiet small">
        Today is {budgets.day} and ends {timeWords(new Date(budgets.to), budgets.time_zone)}. Warned of at {budgets.warning_percent} %.
        {today.held_micros > 0 ? ` ${moneyWords(today.held_micros, CURRENCY)} more are set aside for calls in progress.` : ""}
      </p>
      {isEditing ? (
        <BudgetForm budgets={budgets} done={() => setEditing(false)} />
      ) : (
        <>
          <ul className="budget-list">
            {ROWS.map((row) => (
              <li key={row.name} className="card budget">
                <h3>{row.title}</h3>
                <p className="cost-value">{limitWords(row.name, budgets.limits[row.name])}</p>
                <Used name={row.name} budgets={budgets} />
                <p className="quiet small">
                  {row.at} {budgets.own[row.name] === null ? "Set by the installation." : `Set here; otherwise ${limitWords(row.name, budgets.defaults[row.name]).toLowerCase()}, by the installation.`}
                </p>
              </li>
            ))}
          </ul>
          {mayAs(login, "manager") ? (
            <div>
              <Button variant="default" onClick={() => setEditing(true)}>
                Change budgets
              </Button>
            </div>
          ) : null}
        </>
      )}
    </>
  );
}

/** How much of a day's budget is spent. */
function Used({ name, budgets }: { name: Name; budgets: Budgets }) {
  const limit = budgets.limits[name] ?? 0;
  const isTenant = name === "tenant_day_micros";
  const dearest = budgets.users[0];
  if (!isTenant && (name !== "user_day_micros" || dearest === undefined)) {
    return null;
  }
  const spent = isTenant ? budgets.today.spent_micros : (dearest?.spent_micros ?? 0);
  const whose = isTenant ? "spent today" : `spent by ${dearest?.user ?? ""}, who spent most`;
  const forecast = isTenant ? budgets.today.forecast_micros : null;
  const percent = limit > 0 ? Math.round((spent / limit) * 100) : null;
  const tone = percent === null || percent < budgets.warning_percent ? "" : percent < 100 ? "tone-attention" : "tone-bad";
  return (
    <>
      {limit > 0 ? <progress className="budget-bar" data-tone={tone || undefined} max={limit} value={Math.min(spent, limit)} aria-label={`${percent} % ${whose}`} /> : null}
      <p className={tone || undefined}>
        {tone === "" ? "" : tone === "tone-bad" ? "✕ " : "▲ "}
        {moneyWords(spent, CURRENCY)} {whose}
        {percent === null ? "" : `, ${percent} %`}
        {forecast === null ? "" : `; like this the day ends at about ${moneyWords(forecast, CURRENCY)}`}
      </p>
    </>
  );
}

function limitWords(name: Name, limit: number | null): string {
  if (limit === null || limit === 0) {
    return "No limit";
  }
  return name === "session_s" ? lengthWords(limit * 1000) : moneyWords(limit, CURRENCY);
}

function BudgetForm({ budgets, done }: { budgets: Budgets; done: () => void }) {
  const client = useQueryClient();
  const [texts, setTexts] = useState(() => Object.fromEntries(ROWS.map(({ name }) => [name, written(name, budgets.own[name])])) as Record<Name, string>);
  const save = useMutation({
    mutationFn: (limits: BudgetLimits) => request<Budgets>("PUT", "/api/v1/budgets", limits),
    onSuccess: (answer) => {
      client.setQueryData(["budgets"], answer);
      done();
    },
  });
  const read = Object.fromEntries(ROWS.map(({ name }) => [name, readLimit(name, texts[name])])) as Record<Name, number | null | undefined>;
  const isWrong = ROWS.some(({ name }) => read[name] === undefined);
  return (
    <form
      className="budget-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isWrong) {
          save.mutate(read as BudgetLimits);
        }
      }}
    >
      {ROWS.map(({ name, title }) => (
        <TextInput
          key={name}
          label={title}
          description={`${name === "session_s" ? "Minutes" : "USD"}; empty keeps the installation's: ${limitWords(name, budgets.defaults[name])}. 0 is no limit.`}
          inputMode="decimal"
          value={texts[name]}
          error={read[name] === undefined ? "Write a number, such as 2.50." : undefined}
          onChange={(event) => {
            const text = event.currentTarget.value;
            setTexts((before) => ({ ...before, [name]: text }));
          }}
        />
      ))}
      {save.isError ? <Failure what="The budgets were not changed." error={save.error} /> : null}
      <p className="quiet small">Calls that begin a second later obey it.</p>
      <div className="bar">
        <Button type="submit" disabled={isWrong} loading={save.isPending}>
          Save
        </Button>
        <Button variant="default" onClick={done}>
          Cancel
        </Button>
      </div>
    </form>
  );
}

function written(name: Name, limit: number | null): string {
  if (limit === null) {
    return "";
  }
  return String(name === "session_s" ? limit / 60 : limit / MICROS);
}

/** `undefined`: not a limit. */
function readLimit(name: Name, text: string): number | null | undefined {
  if (text.trim() === "") {
    return null;
  }
  const number = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!Number.isFinite(number)) {
    return undefined;
  }
  return Math.round(number * (name === "session_s" ? 60 : MICROS));
}
