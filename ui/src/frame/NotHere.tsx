import { Link } from "react-router";
import { Empty } from "../parts/Empty";

export function NotHere() {
  return (
    <div className="page-alone">
      <h1>Not here</h1>
      <Empty title="There is no page at this address.">
        <p>It may have been moved, or it belongs to another business.</p>
        <Link to="/">Go to your start page</Link>
      </Empty>
    </div>
  );
}
