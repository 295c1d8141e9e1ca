import { Button } from "@mantine/core";
import { Link } from "react-router";
import { mayAs } from "../../api/login";
import { useLiveCalls } from "../../frame/LiveCount";
import { usePath, useSignedIn, useTenant } from "../../frame/tenant";
import { useTitle } from "../../frame/title";
import { whoWords } from "../../parts/CallFacts";
import { PhaseMark } from "../../parts/PhaseMark";
import { clockWords } from "../../words/amounts";
import { useNow } from "../live/Live";
import { Figures } from "./Figures";
import { Line } from "./Line";
import { NeedsPerson } from "./NeedsPerson";
import { SetUp } from "./SetUp";
import "./home.css";

/** What needs a person now, how the business's line goes, and whether it is healthy. */
export default function Home() {
  useTitle("Home");
  const login = useSignedIn();
  const path = usePath();
  const { display_name } = useTenant();
  return (
    <>
      <div className="page-head">
        <div>
          <h1>Home</h1>
          <p className="quiet">{display_name}</p>
        </div>
        {mayAs(login, "staff") ? (
          <Button component={Link} to={path("talk")}>
            Talk to your agent
          </Button>
        ) : null}
      </div>
      <div className="home">
        <NeedsPerson />
        <div className="stack home-side">
          {mayAs(login, "staff") ? <Now /> : null}
          {mayAs(login, "manager") ? <Line /> : null}
        </div>
        <Figures />
        {mayAs(login, "staff") ? <SetUp /> : null}
      </div>
    </>
  );
}

/** Who is talking at this moment. */
function Now() {
  const calls = useLiveCalls();
  const path = usePath();
  const now = useNow();
  const items = calls.data?.items ?? [];
  return (
    <section className="card" aria-labelledby="home-now">
      <h2 id="home-now">Now</h2>
      {items.length === 0 ? <p className="quiet">{calls.isError ? "The live calls could not be read." : "Nobody is on a call."}</p> : null}
      <ul className="home-list">
        {items.map((call) => (
          <li key={call.id}>
            <Link to={path(`live/${call.id}`)}>{whoWords(call)}</Link> <PhaseMark phase={call.phase} />{" "}
            <span className="mono quiet">{clockWords(now - Date.parse(call.offered_at))}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
