import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api } from "@/api/client";
import { Button } from "@/parts/button";
import { TextField } from "@/parts/field";
import { Notice } from "@/parts/states";
import { useSubmit } from "@/parts/use-submit";
import { Mark } from "./mark";

/** What stands before the page where it is reached from other computers. */
export function Login() {
  const client = useQueryClient();
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const { busy, problem, submit } = useSubmit();
  const signIn = async (event: FormEvent) => {
    event.preventDefault();
    if (await submit(() => api.login(user, password))) await client.invalidateQueries();
    else setPassword("");
  };
  return (
    <main className="flex h-full items-center justify-center p-6">
      <form
        onSubmit={signIn}
        className="flex w-80 flex-col gap-3 rounded-xl border border-line bg-surface p-6 shadow-float"
      >
        <Mark size={36} />
        <h1 className="text-lg font-semibold">Sign in to Porthole</h1>
        {problem && <Notice bad>{problem}</Notice>}
        <TextField label="User" value={user} onChange={setUser} autoComplete="username" autoFocus required />
        <TextField
          label="Password"
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
          required
        />
        <Button look="primary" type="submit" disabled={busy} className="justify-center">
          {busy ? "Signing in…" : "Sign in"}
        </Button>
        <p className="text-xs text-muted">
          They were chosen with --ui-user and --ui-password-file on that computer.
        </p>
      </form>
    </main>
  );
}
