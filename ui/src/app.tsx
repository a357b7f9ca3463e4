import { useQuery } from "@tanstack/react-query";
import { queries } from "@/api/live";
import { Failed, Loading } from "@/parts/states";
import { Toasts } from "@/parts/toasts";
import { Login } from "@/shell/login";
import { useFreshSession } from "@/shell/session";
import { Shell } from "@/shell/shell";

/** The login where one is needed, else the page. */
export function App() {
  const session = useQuery(queries.session);
  useFreshSession(session.data);
  if (session.data?.login_required && !session.data.signed_in) return <Login />;
  if (session.data) {
    return (
      <>
        <Shell session={session.data} />
        <Toasts />
      </>
    );
  }
  if (session.error) return <Failed error={session.error} retry={() => session.refetch()} />;
  return <Loading what="Asking Porthole" />;
}
