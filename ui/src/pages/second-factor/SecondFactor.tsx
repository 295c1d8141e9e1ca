import { Button, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { LOGIN_KEY } from "../../api/login";
import { isProblem, post, request } from "../../api/request";
import type { SecondFactor as Secret } from "../../api/types";
import { useSignedIn } from "../../frame/tenant";
import { Copy } from "../../parts/Copy";
import { Failure } from "../../parts/Failure";
import { Proof } from "../../parts/Proof";
import "./second-factor.css";

/** Fewer recovery codes than this are worth a word. */
const CODES_FEW = 3;

/** Sets up an authenticator: QR and text, recovery codes, and one code as proof that it works. Takes it away, too. */
export default function SecondFactor() {
  const login = useSignedIn();
  const queries = useQueryClient();
  const [secret, setSecret] = useState<Secret | null>(null);
  const [code, setCode] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [isDone, setDone] = useState(false);
  const [dialog, setDialog] = useState<"begin" | "replace" | "turn off" | null>(null);
  useEffect(() => {
    document.title = "Second factor · Switchboard";
  }, []);

  const codes = login.second_factor.recovery_codes_left;
  const run = async (act: () => Promise<void>) => {
    setError(null);
    try {
      await act();
    } catch (refused) {
      setError(refused);
    }
  };
  const make = async () => {
    setSecret(await post<Secret>("/api/v1/session/second-factor"));
    setDialog(null);
  };
  const begin = () =>
    run(() =>
      make().catch((refused: unknown) => {
        if (!isProblem(refused, "proof_needed")) {
          throw refused;
        }
        setDialog("begin");
      }),
    );
  const remove = async () => {
    await request("DELETE", "/api/v1/session/second-factor");
    // Every login of this person has ended, this one too.
    queries.clear();
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
  };
  const confirm = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await request("PUT", "/api/v1/session/second-factor", { code: code.replaceAll(" ", "") });
      setDone(true);
      await queries.invalidateQueries({ queryKey: LOGIN_KEY });
    });
  };

  return (
    <>
      <div className="page-head">
        <h1>Second factor</h1>
      </div>
      <div className="stack second-factor">
        {login.second_factor.enrolled || isDone ? (
          <>
            <p>
              <span aria-hidden="true" className="tone-good">
                ✓{" "}
              </span>
              At sign-in you are asked for a code of your authenticator.
            </p>
            {codes === undefined ? null : (
              <p className={codes < CODES_FEW ? "tone-attention" : "quiet"}>
                {codes === 1 ? "1 recovery code is" : `${codes} recovery codes are`} left{codes < CODES_FEW ? ": replace the authenticator to get new ones" : ""}.
              </p>
            )}
            <div className="bar">
              <Button variant="default" onClick={() => setDialog("replace")}>
                Replace the authenticator
              </Button>
              <Button color="red" data-danger onClick={() => setDialog("turn off")}>
                Turn it off
              </Button>
            </div>
          </>
        ) : secret === null ? (
          <>
            <p>An authenticator on your phone makes a new code every 30 s. With it, a stolen password alone opens nothing.</p>
            <div>
              <Button onClick={() => void begin()}>Set up an authenticator</Button>
            </div>
          </>
        ) : (
          <form className="stack" onSubmit={confirm}>
            <p>1. Scan this with your authenticator, or type the text below it.</p>
            <QrCode svg={secret.qr_svg} />
            <p>
              <Copy value={secret.secret} what="secret">
                <code>{secret.secret}</code>
              </Copy>
            </p>
            <p>2. Keep these recovery codes somewhere safe. Each works once, if the phone is lost. They are not shown again.</p>
            <ul className="recovery-codes mono">
              {secret.recovery_codes.map((recovery) => (
                <li key={recovery}>{recovery}</li>
              ))}
            </ul>
            <p className="recovery-copy">
              <Copy value={secret.recovery_codes.join("\n")} what="recovery codes">
                Copy all recovery codes
              </Copy>
            </p>
            <TextInput label="3. The code shown now" name="code" autoComplete="one-time-code" inputMode="numeric" required value={code} onChange={(event) => setCode(event.currentTarget.value)} />
            <div>
              <Button type="submit">Switch it on</Button>
            </div>
          </form>
        )}
        {error ? <Failure what="The second factor was not changed." error={error} /> : null}
        {dialog === "begin" ? (
          <Proof title="Set up an authenticator" action="Go on" run={make} close={() => setDialog(null)}>
            <p>You signed in a while ago. Show once more that it is you.</p>
          </Proof>
        ) : null}
        {dialog === "replace" || dialog === "turn off" ? (
          <Proof
            title={dialog === "replace" ? "Replace the authenticator" : "Turn the second factor off"}
            action={dialog === "replace" ? "Take the old one away" : "Turn it off"}
            isDanger
            run={remove}
            close={() => setDialog(null)}
          >
            <p>
              {dialog === "replace"
                ? "The old authenticator and its recovery codes stop working, and you are signed out everywhere. Sign in with your password; this page then sets up the new one."
                : "From then on your password alone opens your login, and you are signed out everywhere now."}
            </p>
            {dialog === "turn off" && login.second_factor.required ? <p className="tone-attention">▲ Your role needs a second factor: you will be asked to set one up when you sign in again.</p> : null}
          </Proof>
        ) : null}
      </div>
    </>
  );
}

/** Only the shapes of the picture are taken over, so that a picture cannot bring script. */
function QrCode({ svg }: { svg: string }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
    const namespace = "http://www.w3.org/2000/svg";
    const picture = document.createElementNS(namespace, "svg");
    const side = Number.parseFloat(parsed.getAttribute("width") ?? "") || 200;
    picture.setAttribute("viewBox", parsed.getAttribute("viewBox") ?? `0 0 ${side} ${side}`);
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", "QR code for your authenticator");
    for (const shape of parsed.querySelectorAll("path, rect")) {
      const copy = document.createElementNS(namespace, shape.tagName);
      for (const name of ["d", "x", "y", "width", "height", "fill", "transform"]) {
        const value = shape.getAttribute(name);
        if (value !== null) {
          copy.setAttribute(name, value);
        }
      }
      picture.append(copy);
    }
    box.current?.replaceChildren(picture);
  }, [svg]);
  return <div ref={box} className="qr-code" />;
}
