import { Button, NativeSelect, PasswordInput, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type FormEvent } from "react";
import { useNavigate } from "react-router";
import { LOGIN_KEY } from "../../api/login";
import { post } from "../../api/request";
import type { Login } from "../../api/types";
import { Failure } from "../../parts/Failure";
import { PASSWORD_LENGTH_MIN } from "../../words/passwords";
import "../sign-in/sign-in.css";

const FIELDS = [
  { name: "name", label: "Your name", autoComplete: "name", type: "text" },
  { name: "email", label: "E-mail", autoComplete: "username", type: "email" },
  { name: "business", label: "Name of the business", autoComplete: "organization", type: "text" },
] as const;

/** The first login of a fresh server: one form, opened by the link that the server printed. */
export default function FirstRun() {
  // Behind the `#`, which browsers do not send: it appears in no log.
  const [token] = useState(() => new URLSearchParams(location.hash.slice(1)).get("token") ?? "");
  const queries = useQueryClient();
  const go = useNavigate();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = Intl.supportedValuesOf("timeZone");
  useEffect(() => {
    document.title = "First login · Switchboard";
  }, []);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget));
    setBusy(true);
    setError(null);
    try {
      const login = await post<Login>("/api/v1/first-run", { token, ...fields });
      queries.setQueryData(LOGIN_KEY, login);
      await queries.invalidateQueries({ queryKey: LOGIN_KEY });
      void go("/", { replace: true });
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="page-alone">
      <h1>Make the first login</h1>
      <p>This link works once. The login made here owns the business and can invite others.</p>
      <form className="sign-in stack" onSubmit={(event) => void submit(event)}>
        {FIELDS.map((field) => (
          <TextInput key={field.name} {...field} required />
        ))}
        <PasswordInput label="Password" name="password" autoComplete="new-password" required minLength={PASSWORD_LENGTH_MIN} description={`At least ${PASSWORD_LENGTH_MIN} characters; a sentence is fine`} visibilityToggleButtonProps={{ "aria-label": "Show the password" }} />
        <NativeSelect label="Time zone" name="time_zone" defaultValue={zone} data={zones.includes(zone) ? zones : [zone, ...zones]} description="Guessed from this browser" />
        {error ? <Failure what="The login was not made." error={error} /> : null}
        <Button type="submit" loading={isBusy}>
          Make login and sign in
        </Button>
      </form>
    </main>
  );
}
