/** The filter language's keys, as `crates/agent/src/inspect/filter/keys.rs` has them. */
export interface Key {
  name: string;
  help: string;
  values: readonly string[];
}

export const FLAGS = [
  "http",
  "websocket",
  "sse",
  "upgrade",
  "tcp",
  "visitor",
  "replay",
  "import",
  "open",
  "done",
  "failed",
  "cancelled",
  "pinned",
  "edited",
  "truncated",
  "incomplete",
] as const;

export const KEYS: readonly Key[] = [
  { name: "method", help: "the request's method", values: ["GET", "POST", "PUT", "PATCH", "DELETE"] },
  {
    name: "status",
    help: "the answer's status: one, a class, a list or a range",
    values: ["2xx", "3xx", "4xx", "5xx", "404", ">=400", "400..499"],
  },
  { name: "path", help: "the path begins with /this, or contains this", values: ["/api"] },
  { name: "host", help: "the host contains this", values: [] },
  { name: "url", help: "the whole URL contains this", values: [] },
  { name: "mapping", help: "the mapping's name or id", values: [] },
  {
    name: "type",
    help: "the media type of either body",
    values: ["json", "html", "form", "image", "text", "xml", "js", "css", "sse", "application/pdf"],
  },
  { name: "duration", help: "how long it took in all", values: [">500ms", "<=2s", "100ms..1s"] },
  { name: "size", help: "bytes of both bodies together", values: [">1MB", "<=64KiB", "1KB..10KB"] },
  { name: "is", help: "its kind, source, state or mark", values: FLAGS },
  { name: "header", help: "a field of this name, in either head", values: ["stripe-signature"] },
  { name: "body", help: "words in either body", values: [] },
  { name: "after", help: "began after: so long ago, a day or a time", values: ["10m", "2h", "3d"] },
  { name: "before", help: "began before: so long ago, a day or a time", values: ["10m", "2h", "3d"] },
  { name: "visitor", help: "the visitor's address begins with this", values: ["10.0."] },
  { name: "error", help: "the error's code contains this", values: ["timeout"] },
  { name: "note", help: "the note contains this", values: [] },
];
