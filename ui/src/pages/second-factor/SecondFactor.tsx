import { Button, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { LOGIN_KEY } from "../../api/login";
import { post, request } from "../../api/request";
import type { SecondFactor as Secret } from "../../api/types";
import { useSignedIn } from "../../frame/tenant";
import { Copy } from "../../parts/Copy";
import { Failure } from "../../parts/Failure";
import "./second-factor.css";

/** Sets up an authenticator: QR and text, recovery codes, and one code as proof that it works. */
export default function SecondFactor() {
  const login = useSignedIn();
  const queries = useQueryClient();
  const [secret, setSecret] = useState<Secret | null>(null);
  const [code, setCode] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    document.title = "Second factor · Switchboard";
  }, []);

  const run = async (act: () => Promise<void>) => {
    setError(null);
    try {
      await act();
    } catch (refused) {
      setError(refused);
    }
  };
  const begin = () => run(async () => setSecret(await post<Secret>("/api/v1/session/second-factor")));
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
          <p>
            <span aria-hidden="true" className="tone-good">
              ✓{" "}
            </span>
            At sign-in you are asked for a code of your authenticator.
          </p>
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
            <TextInput label="3. The code shown now" name="code" autoComplete="one-time-code" inputMode="numeric" required value={code} onChange={(event) => setCode(event.currentTarget.value)} />
            <div>
              <Button type="submit">Switch it on</Button>
            </div>
          </form>
        )}
        {error ? <Failure what="The second factor was not changed." error={error} /> : null}
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
