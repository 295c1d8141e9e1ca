import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useState, type FormEvent, type KeyboardEvent } from "react";
import { isProblem, post, ProblemError, UnreachableError } from "../../api/request";
import type { Login } from "../../api/types";
import "./sign-in.css";

interface SignInFormProps {
  /** Known from a login that ended; then it is not asked again. */
  email?: string;
  /** Of a demo, whose passwords are no secret. */
  password?: string;
  onSignedIn: (login: Login) => void;
}

/** E-mail and password, and the code of an authenticator where the login has one. */
export function SignInForm({ email: known = "", password: filled = "", onSignedIn }: SignInFormProps) {
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState(filled);
  const [code, setCode] = useState("");
  const [wantsCode, setWantsCode] = useState(false);
  const [hasCapsLock, setCapsLock] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setRefusal(null);
    try {
      const body = { email: email.trim(), password, ...(wantsCode ? { code: code.replaceAll(" ", "") } : {}) };
      onSignedIn(await post<Login>("/api/v1/session", body));
    } catch (error) {
      if (isProblem(error, "second_factor_needed") && !wantsCode) {
        setWantsCode(true);
      } else {
        setRefusal(refusalOf(error, wantsCode));
      }
    } finally {
      setBusy(false);
    }
  };
  const watchCapsLock = (event: KeyboardEvent) => setCapsLock(event.getModifierState("CapsLock"));

  return (
    <form className="sign-in stack" onSubmit={(event) => void submit(event)}>
      <TextInput label="E-mail" type="email" name="email" autoComplete="username" required value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
      <PasswordInput
        label="Password"
        name="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        onKeyDown={watchCapsLock}
        onKeyUp={watchCapsLock}
        description={hasCapsLock ? "Caps Lock is on" : undefined}
        visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
      />
      {wantsCode ? (
        <TextInput
          label="Code of your authenticator"
          description="Six digits, or a recovery code"
          name="code"
          autoComplete="one-time-code"
          inputMode="numeric"
          required
          autoFocus
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
      ) : null}
      {refusal ? (
        <p role="alert" className="tone-bad">
          <span aria-hidden="true">✕</span> {refusal}
        </p>
      ) : null}
      <Button type="submit" loading={isBusy}>
        Sign in
      </Button>
    </form>
  );
}

function refusalOf(error: unknown, hadCode: boolean): string {
  if (error instanceof UnreachableError) {
    return "The server did not answer. Try again.";
  }
  if (!(error instanceof ProblemError)) {
    return "Signing in failed. Try again.";
  }
  const { status, code, retry_after_s: wait, detail } = error.problem;
  if (status === 429) {
    return wait ? `Too many tries. Try again in ${wait} s.` : "Too many tries. Try again in a minute.";
  }
  if (hadCode && (code === "second_factor_needed" || code === "wrong_code")) {
    return "This code does not fit. Codes change every 30 s; enter the one shown now.";
  }
  if (status === 401) {
    return "E-mail and password do not fit together.";
  }
  return detail ?? "Signing in failed. Try again.";
}
