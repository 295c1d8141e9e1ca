import { Button, Modal, NativeSelect } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link, useParams } from "react-router";
import { useLive } from "../../api/live";
import { mayDo } from "../../api/login";
import { get, post } from "../../api/request";
import type { CallDetail, CallEvent, Part, Turn } from "../../api/types";
import { LIVE_KEY, useLiveCalls } from "../../frame/LiveCount";
import { usePath, useSignedIn } from "../../frame/tenant";
import { useTitle } from "../../frame/title";
import { CallWho, whoWords } from "../../parts/CallFacts";
import { Failure } from "../../parts/Failure";
import { PhaseMark } from "../../parts/PhaseMark";
import { TurnText } from "../../parts/TurnText";
import { WaitingRows } from "../../parts/Waiting";
import { clockWords, moneyWords } from "../../words/amounts";
import { channelWords, endSentence, plain } from "../../words/ends";
import { Listen } from "./Listen";
import { Taken } from "./TakeOver";
import { useTakeOver, type TakeOver } from "./useTakeOver";
import { useNow } from "./Live";
import "./live.css";

/** Changes come in bunches; the words are read anew so often at most. */
const READ_MS = 400;

/** One call while it goes on: what is said, and the three acts. */
export default function LiveCall() {
  const { call: id = "" } = useParams();
  const path = usePath();
  const queries = useQueryClient();
  const call = useQuery({ queryKey: ["call", id], queryFn: () => get<CallDetail>(`/api/v1/calls/${id}`) });
  const turns = useQuery({ queryKey: ["turns", id], queryFn: () => get<Part<Turn>>(`/api/v1/calls/${id}/turns`) });
  const events = useQuery({ queryKey: ["events", id], queryFn: () => get<Part<CallEvent>>(`/api/v1/calls/${id}/events`) });
  const live = useLiveCalls().data?.items.find((other) => other.id === id);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useLive(`call:${id}`, null, () => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      for (const key of ["call", "turns", "events"]) {
        void queries.invalidateQueries({ queryKey: [key, id] });
      }
      void queries.invalidateQueries({ queryKey: LIVE_KEY });
    }, READ_MS);
  });
  useEffect(() => () => clearTimeout(timer.current ?? undefined), []);
  const now = useNow();
  const takeOver = useTakeOver(id);
  useTitle(call.data ? `${whoWords(call.data)} · Live` : "Live call");
  if (call.isPending) {
    return <WaitingRows what="The call" />;
  }
  if (call.isError) {
    return <Failure what="The call could not be read." error={call.error} retry={() => void call.refetch()} />;
  }
  const isOver = call.data.status === "ended";
  const began = call.data.answered_at ?? call.data.offered_at;
  const cost = live?.cost_micros ?? call.data.cost?.[0]?.cost_micros ?? call.data.cost_micros;
  return (
    <>
      <div className="page-head">
        <div>
          <h1>
            <CallWho call={call.data} />
          </h1>
          <p className="quiet">
            {channelWords(call.data.channel)} → {call.data.agent}
          </p>
        </div>
        {isOver ? (
          <Button component={Link} to={path(`calls/${id}`)}>
            Open the finished call
          </Button>
        ) : (
          <Acts call={call.data} takeOver={takeOver} isWithStaff={(live?.phase as string | undefined) === "with_staff"} />
        )}
      </div>
      <div className="bar live-state">
        <PhaseMark phase={isOver ? "ended" : (live?.phase ?? "live")} />
        {isOver ? <span>{endSentence(call.data.end_reason)}</span> : <span className="mono">{clockWords(now - Date.parse(began))}</span>}
        {cost == null ? null : <span>{moneyWords(cost, call.data.currency ?? "USD")}</span>}
      </div>
      <Taken takeOver={takeOver} />
      <div className="live-columns">
        <Words turns={turns.data?.items ?? []} isPending={turns.isPending} error={turns.error} />
        <section aria-label="What happened">
          <h2>What happened</h2>
          <ol className="live-events">
            {(events.data?.items ?? []).slice(-40).map((event) => (
              <li key={event.seq}>
                <span className="quiet mono">{event.seq}</span> {plain(event.name)}
              </li>
            ))}
          </ol>
        </section>
      </div>
    </>
  );
}

function Words({ turns, isPending, error }: { turns: Turn[]; isPending: boolean; error: unknown }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    if (follows.current && box.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [turns]);
  const scrolled = () => {
    const { scrollHeight = 0, scrollTop = 0, clientHeight = 0 } = box.current ?? {};
    follows.current = scrollHeight - scrollTop - clientHeight < 100;
  };
  if (error) {
    return <Failure what="The words could not be read." error={error} />;
  }
  return (
    <section aria-label="Words">
      <h2>Words</h2>
      <div className="live-words" ref={box} onScroll={scrolled} role="log" aria-label="Transcript" aria-live="off" tabIndex={0}>
        {isPending ? <WaitingRows rows={4} what="Words" /> : null}
        {!isPending && turns.length === 0 ? <p className="quiet">Nothing that may be kept was said yet.</p> : null}
        {turns.map((turn) => (
          <TurnText key={turn.seq} turn={turn} />
        ))}
      </div>
    </section>
  );
}

/** What the caller hears before the line goes: the server knows two sentences in the agent's voice. */
const LAST_WORDS = [
  { value: "goodbye", label: "The agent's goodbye" },
  { value: "apology", label: "The agent's apology" },
  { value: "", label: "Nothing: hang up at once" },
];

interface ActsProps {
  call: CallDetail;
  takeOver: TakeOver;
  /** Whoever has it: this page or another one. */
  isWithStaff: boolean;
}

/** Listen, take over, hand over, end: apart from each other, and each says what the caller will notice. */
function Acts({ call, takeOver, isWithStaff }: ActsProps) {
  const login = useSignedIn();
  const [asks, setAsks] = useState<"end" | "handoff" | null>(null);
  const [sentence, setSentence] = useState("goodbye");
  const [error, setError] = useState<unknown>(null);
  const isOurs = takeOver.state.name === "connecting" || takeOver.state.name === "talking";
  const act = async () => {
    try {
      setError(null);
      await post(`/api/v1/calls/${call.id}/${asks}`, asks === "end" && sentence !== "" ? { sentence } : {});
      notifications.show({ message: asks === "end" ? "The call is being ended." : "The caller is being put through." });
      setAsks(null);
    } catch (refused) {
      setError(refused);
    }
  };
  return (
    <div className="bar">
      {isOurs ? null : <Listen id={call.id} />}
      {mayDo(login, "calls.take_over") && !isOurs ? (
        <Button variant="default" disabled={isWithStaff} title={isWithStaff ? "Somebody of your business has this call" : undefined} onClick={() => void takeOver.begin()}>
          Take over
        </Button>
      ) : null}
      <Button variant="default" onClick={() => setAsks("handoff")}>
        Put through to a person
      </Button>
      <Button color="red" data-danger onClick={() => setAsks("end")}>
        End
      </Button>
      <Modal opened={asks !== null} onClose={() => setAsks(null)} title={asks === "end" ? "End this call" : "Put the caller through"} closeButtonProps={{ "aria-label": "Close" }}>
        <div className="stack">
          {asks === "end" ? (
            <>
              <p>The caller is hung up on. This cannot be undone.</p>
              <NativeSelect label="What the caller hears first" data={LAST_WORDS} value={sentence} onChange={(event) => setSentence(event.currentTarget.value)} />
            </>
          ) : (
            <p>The agent tells the caller, then the person of this agent is called. If nobody answers, the caller comes back or leaves a message.</p>
          )}
          {error ? <Failure what="Nothing was changed." error={error} /> : null}
          <div className="bar">
            <Button variant="default" onClick={() => setAsks(null)} data-autofocus>
              Keep the call as it is
            </Button>
            <Button color={asks === "end" ? "red" : "blue"} data-danger={asks === "end" || undefined} onClick={() => void act()}>
              {asks === "end" ? "End the call" : "Put through"}
            </Button>
          </div>
        </div>
      </Modal>
    </div>
  );
}
