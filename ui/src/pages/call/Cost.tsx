import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/request";
import type { CallDetail, Usage } from "../../api/types";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { WaitingRows } from "../../parts/Waiting";
import { exactMoneyWords } from "../../words/amounts";
import { componentWords } from "../../words/components";

/** The ledger of the call: its sum is the ledger's own. */
export function Cost({ call }: { call: CallDetail }) {
  const usage = useQuery({ queryKey: ["usage", call.id], queryFn: () => get<Usage>(`/api/v1/calls/${call.id}/usage`) });
  if (usage.isPending) {
    return <WaitingRows rows={4} what="Costs" />;
  }
  if (usage.isError) {
    return <Failure what="The costs could not be read." error={usage.error} retry={() => void usage.refetch()} />;
  }
  const { items, totals } = usage.data;
  if (items.length === 0) {
    return <Empty title="Nothing of this call was billed: offline models cost nothing." />;
  }
  return (
    <section className="stack" aria-label="Cost">
      {call.status === "ended" ? null : <p className="tone-attention">▲ An estimate: the call goes on.</p>}
      <div className="table-box" tabIndex={0} role="region" aria-label="Ledger, a table">
        <table className="event-table">
          <thead>
            <tr>
              <th scope="col" className="number">
                Turn
              </th>
              <th scope="col">Component</th>
              <th scope="col">Provider and model</th>
              <th scope="col" className="number">
                Quantity
              </th>
              <th scope="col">Unit</th>
              <th scope="col" className="number">
                Cost
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((row) => (
              <tr key={row.id}>
                <td className="number">{row.turn ?? "–"}</td>
                <td>{componentWords(row.component)}</td>
                <td>
                  {row.provider === row.model ? row.model : `${row.provider} ${row.model}`}
                </td>
                <td className="number">{row.quantity.toLocaleString("en")}</td>
                <td>{row.unit}</td>
                <td className="number">{exactMoneyWords(row.cost_micros, row.currency)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            {totals.map((total) => (
              <tr key={total.currency}>
                <th scope="row" colSpan={5}>
                  Sum of the ledger, {total.entries} {total.entries === 1 ? "entry" : "entries"}
                </th>
                <td className="number">
                  <b>{exactMoneyWords(total.cost_micros, total.currency)}</b>
                </td>
              </tr>
            ))}
          </tfoot>
        </table>
      </div>
    </section>
  );
}
