import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { mayAs } from "../../api/login";
import { get, ProblemError } from "../../api/request";
import type { CallDetail, Latencies, Part, Turn } from "../../api/types";
import { usePath, useSignedIn } from "../../frame/tenant";
import { useTitle } from "../../frame/title";
import { CallCost, CallEnd, CallLength, CallWho, whoWords } from "../../parts/CallFacts";
import { Copy } from "../../parts/Copy";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { Time } from "../../parts/Time";
import { WaitingRows } from "../../parts/Waiting";
import { latencyWords, shortId } from "../../words/amounts";
import { channelWords, plain } from "../../words/ends";
import { Checks } from "./Checks";
import { Conversation } from "./Conversation";
import { Cost } from "./Cost";
import { Events } from "./Events";
import { Player } from "./Player";
import { usePlayer } from "./usePlayer";
import { Tools } from "./Tools";
import { Waterfall } from "./Waterfall";
import "./call.css";

const TABS = ["conversation", "latency", "tools", "events", "cost", "checks"] as const;

/** From a complaint to the audio, the turn and the event. */
export default function Call() {
  const { call: id = "" } = useParams();
  const login = useSignedIn();
  const call = useQuery({ queryKey: ["call", id], queryFn: () => get<CallDetail>(`/api/v1/calls/${id}`) });
  useTitle(call.data ? `${whoWords(call.data)} · Calls` : "Call");
  if (call.isPending) {
    return <WaitingRows rows={8} what="The call" />;
  }
  if (call.isError) {
    const isGone = call.error instanceof ProblemError && call.error.problem.status === 404;
    return isGone ? (
      <Empty title="There is no such call.">
        <p>It was never here, or it was erased after the time it may be kept.</p>
      </Empty>
    ) : (
      <Failure what="The call could not be read." error={call.error} retry={() => void call.refetch()} />
    );
  }
  return <CallPage call={call.data} mayRead={mayAs(login, "staff")} />;
}

function CallPage({ call, mayRead }: { call: CallDetail; mayRead: boolean }) {
  const [query, setQuery] = useSearchParams();
  const asked = query.get("tab");
  const tab = TABS.find((name) => name === asked) ?? "conversation";
  const open = (name: string | null) =>
    setQuery(
      (old) => {
        const next = new URLSearchParams(old);
        next.set("tab", name ?? "conversation");
        return next;
      },
      { replace: true, preventScrollReset: true },
    );
  const part = <Row,>(name: string, isWanted = true) => ({
    queryKey: [name, call.id],
    queryFn: () => get<Row>(`/api/v1/calls/${call.id}/${name}`),
    enabled: isWanted,
  });
  const turns = useQuery(part<Part<Turn>>("turns", mayRead));
  const latencies = useQuery(part<Latencies>("latencies"));
  const [start] = useState(() => Number(query.get("t") ?? 0));
  const player = usePlayer(call, start);
  const rows = useMemo(() => turns.data?.items ?? [], [turns.data]);
  const counts = call.counts;
  return (
    <>
      <Head call={call} />
      {mayRead ? (
        <Player call={call} player={player} turns={rows} />
      ) : (
        <Empty title="Words and audio need the role staff. Ask an owner of this business." />
      )}
      <Tabs value={tab} onChange={open} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="conversation">Conversation</Tabs.Tab>
          <Tabs.Tab value="latency">Latency</Tabs.Tab>
          <Tabs.Tab value="tools">Tools {counts?.tool_calls ?? ""}</Tabs.Tab>
          <Tabs.Tab value="events">Events {counts?.events ?? ""}</Tabs.Tab>
          <Tabs.Tab value="cost">Cost</Tabs.Tab>
          <Tabs.Tab value="checks">Checks</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="conversation">
          {mayRead ? <Conversation call={call} turns={turns} latencies={latencies.data?.items ?? []} player={player} openLatency={() => open("latency")} /> : null}
        </Tabs.Panel>
        <Tabs.Panel value="latency">
          <Waterfall latencies={latencies} player={player} />
        </Tabs.Panel>
        <Tabs.Panel value="tools">{mayRead ? <Tools call={call} player={player} /> : null}</Tabs.Panel>
        <Tabs.Panel value="events">
          <Events call={call} player={player} />
        </Tabs.Panel>
        <Tabs.Panel value="cost">
          <Cost call={call} />
        </Tabs.Panel>
        <Tabs.Panel value="checks">
          <Checks call={call} latencies={latencies.data} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Head({ call }: { call: CallDetail }) {
  const path = usePath();
  const isLive = call.status !== "ended";
  return (
    <header className="call-head">
      <p className="small">
        <Link to={path("calls")}>Calls</Link>
      </p>
      <h1>
        <CallWho call={call} />
      </h1>
      <p>
        {call.caller_number && call.contact_name ? (
          <>
            <Copy value={call.caller_number} what="number">
              {call.caller_number}
            </Copy>{" "}
            ·{" "}
          </>
        ) : null}
        {channelWords(call.channel)} → {call.agent}
        {call.agent_version ? ` v${call.agent_version}` : ""}
        {call.language ? ` · ${call.language}` : ""} · <Time at={call.offered_at} isAbsolute /> · <CallLength call={call} />
        {call.outcome ? ` · ${plain(call.outcome).toLowerCase()}` : ""}
      </p>
      <p>
        <CallEnd call={call} /> <span className="quiet">·</span> <CallCost call={call} />
        {call.heard_p95_ms == null ? null : ` · heard P95 ${latencyWords(call.heard_p95_ms)}`} <span className="quiet">·</span>{" "}
        <span className="quiet">
          id <Copy value={call.id} what="id">{shortId(call.id)}</Copy>
        </span>
      </p>
      <Consent call={call} />
      {isLive ? (
        <p>
          <Link to={path(`live/${call.id}`)}>This call goes on: open it live</Link>
        </p>
      ) : null}
    </header>
  );
}

const AGREED = new Set(["given", "implied", "yes", "granted", "agreed", "accepted"]);

function Consent({ call }: { call: CallDetail }) {
  const consents = call.consent ?? [];
  return consents.length === 0 ? null : (
    <p className="call-consent">
      {consents.map((consent) => (
        <span key={consent.purpose}>
          <span aria-hidden="true" className={AGREED.has(consent.answer) ? "tone-good" : "tone-attention"}>
            {AGREED.has(consent.answer) ? "✓" : "▲"}
          </span>{" "}
          consent to {plain(consent.purpose).toLowerCase()}: {plain(consent.answer).toLowerCase()}
        </span>
      ))}
    </p>
  );
}
