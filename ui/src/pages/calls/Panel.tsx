import { Button, CloseButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { get } from "../../api/request";
import type { CallDetail } from "../../api/types";
import { usePath } from "../../frame/tenant";
import { CallCost, CallEnd, CallLength, CallWho } from "../../parts/CallFacts";
import { Failure } from "../../parts/Failure";
import { Time } from "../../parts/Time";
import { WaitingRows } from "../../parts/Waiting";
import { channelWords, plain } from "../../words/ends";

/** One call beside the list. No words of the call: reading them is an act of its own, on the call's page. */
export function Panel({ id, close }: { id: string; close: () => void }) {
  const path = usePath();
  const call = useQuery({ queryKey: ["call", id], queryFn: () => get<CallDetail>(`/api/v1/calls/${id}`) });
  return (
    <aside className="calls-panel" aria-label="Call">
      <div className="bar bar-apart">
        <h2>{call.data ? <CallWho call={call.data} /> : "Call"}</h2>
        <CloseButton aria-label="Close the panel" onClick={close} />
      </div>
      {call.isPending ? <WaitingRows rows={5} what="The call" /> : null}
      {call.isError ? <Failure what="The call could not be read." error={call.error} retry={() => void call.refetch()} /> : null}
      {call.data ? (
        <>
          <Facts call={call.data} />
          <div>
            <Button component={Link} to={path(`calls/${id}`)}>
              Open the call <kbd aria-hidden="true">o</kbd>
            </Button>
          </div>
        </>
      ) : null}
    </aside>
  );
}

function Facts({ call }: { call: CallDetail }) {
  return (
    <dl className="facts">
      <dt>When</dt>
      <dd>
        <Time at={call.offered_at} isAbsolute />
      </dd>
      <dt>Channel</dt>
      <dd>{channelWords(call.channel)}</dd>
      <dt>Agent</dt>
      <dd>{call.agent}</dd>
      <dt>Outcome</dt>
      <dd>{call.outcome ? plain(call.outcome) : "–"}</dd>
      <dt>End</dt>
      <dd>
        <CallEnd call={call} />
      </dd>
      <dt>Length</dt>
      <dd>
        <CallLength call={call} />
      </dd>
      <dt>Cost</dt>
      <dd><CallCost call={call} /></dd>
    </dl>
  );
}
