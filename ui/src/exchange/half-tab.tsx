import { useState } from "react";
import type { Side } from "@/api/client";
import type { Exchange, Half } from "@/api/types";
import { Button } from "@/parts/button";
import { CopyButton } from "@/parts/copy-button";
import { Empty } from "@/parts/states";
import { parseQuery } from "./body/form";
import { BodySection } from "./body/section";
import { requestCookies, setCookies } from "./cookies";
import { After, Before } from "./diff/marks";
import { headChanges } from "./rewritten";
import { Rows, Section } from "./rows";

/** The request or the response: headers, query, cookies, body. */
export function HalfTab({ exchange, side }: { exchange: Exchange; side: Side }) {
  const half = exchange[side];
  if (!half) {
    return (
      <Empty title={exchange.state === "open" ? "No answer yet" : "No answer came"}>
        {exchange.error && <p>{exchange.error.replaceAll("-", " ")}</p>}
      </Empty>
    );
  }
  const query = side === "request" ? parseQuery(exchange.target) : [];
  const cookies = side === "request" ? requestCookies(half.fields) : [];
  const set = side === "response" ? setCookies(half.fields) : [];
  return (
    <div>
      <Headers half={half} />
      {side === "request" && exchange.sent && (
        <Section title="Rewritten for the local service">
          {headChanges(half, exchange.sent).map(({ mark, text }) =>
            mark === "removed" ? (
              <Before key={`-${text}`} text={text} />
            ) : (
              <After key={`+${text}`} text={text} />
            ),
          )}
        </Section>
      )}
      {query.length > 0 && (
        <Section title="Query">
          <Rows mono rows={query} />
        </Section>
      )}
      {cookies.length > 0 && (
        <Section title="Cookies">
          <Rows mono rows={cookies} />
        </Section>
      )}
      {set.length > 0 && (
        <Section title="Cookies set">
          <Rows
            mono
            rows={set.map((cookie) => [
              cookie.name,
              <span key="value">
                {cookie.value} <span className="text-muted">{cookie.attributes.join(" · ")}</span>
              </span>,
            ])}
          />
        </Section>
      )}
      <BodySection exchange={exchange} side={side} half={half} />
      {half.trailers.length > 0 && (
        <Section title={`Trailers (${half.trailers.length})`}>
          <Rows mono rows={half.trailers} />
        </Section>
      )}
    </div>
  );
}

function Headers({ half }: { half: Half }) {
  const [raw, setRaw] = useState(false);
  const text = [half.line, ...half.fields.map(([name, value]) => `${name}: ${value}`)].join("\r\n");
  return (
    <Section
      title={`Headers (${half.fields.length})`}
      actions={
        <>
          <Button look="quiet" className="h-6 text-xs" aria-pressed={raw} onClick={() => setRaw(!raw)}>
            {raw ? "As a table" : "Raw"}
          </Button>
          <CopyButton text={text} label="Copy headers" />
        </>
      }
    >
      {raw ? (
        <pre className="code overflow-x-auto rounded-md bg-sunken p-2 whitespace-pre-wrap break-all">
          {text}
        </pre>
      ) : (
        <>
          <p className="code pb-1 font-medium break-all">{half.line}</p>
          <Rows mono rows={half.fields} />
        </>
      )}
    </Section>
  );
}
