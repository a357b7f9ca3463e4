import type { Policy } from "@/api/types";

type Rules = Pick<
  Policy,
  "max_body" | "maintenance" | "allow_methods" | "public_paths" | "private_paths" | "answers"
>;
type CannedAnswer = Policy["answers"][number];

/** Answers of one mapping; the gateway takes no more. */
export const MAX_ANSWERS = 32;

/** Statuses that send visitors elsewhere. */
const REDIRECTS = [301, 302, 303, 307, 308];

/** An answer as it is written: a redirect has a location, another one perhaps a body. */
export interface AnswerDraft {
  path: string;
  status: string;
  location: string;
  body: string;
  /** Of a body that nobody has changed. */
  contentType: string | null;
}

/** What is asked of requests, as it is typed. */
export interface RulesForm {
  maxBody: string;
  maintenance: boolean;
  maintenanceSentence: string;
  /** Seconds until visitors may try again. */
  maintenanceRetry: string;
  methods: string;
  publicPaths: string;
  privatePaths: string;
  answers: AnswerDraft[];
}

export const BLANK_RULES: RulesForm = {
  maxBody: "",
  maintenance: false,
  maintenanceSentence: "",
  maintenanceRetry: "300",
  methods: "",
  publicPaths: "",
  privatePaths: "",
  answers: [],
};

/** What a mapping without requests asks of them. */
export const NO_RULES: Rules = {
  max_body: null,
  maintenance: null,
  allow_methods: [],
  public_paths: [],
  private_paths: [],
  answers: [],
};

export function rulesFormOf(policy: Rules): RulesForm {
  const { maintenance } = policy;
  return {
    maxBody: policy.max_body ?? "",
    maintenance: Boolean(maintenance),
    maintenanceSentence: maintenance?.message ?? "",
    maintenanceRetry: String(maintenance?.retry_after_s ?? BLANK_RULES.maintenanceRetry),
    methods: policy.allow_methods.join(" "),
    publicPaths: policy.public_paths.join(" "),
    privatePaths: policy.private_paths.join(" "),
    answers: policy.answers.map((one) => ({
      path: one.path,
      status: String(one.status),
      location: one.location ?? "",
      body: one.body ?? "",
      contentType: one.content_type ?? null,
    })),
  };
}

/** Texts between spaces or commas. */
export const words = (text: string) => text.split(/[\s,]+/).filter(Boolean);

export function rulesOf(form: RulesForm): Rules {
  return {
    max_body: form.maxBody.trim() || null,
    maintenance: form.maintenance
      ? { message: form.maintenanceSentence.trim() || null, retry_after_s: Number(form.maintenanceRetry) }
      : null,
    allow_methods: words(form.methods).map((method) => method.toUpperCase()),
    public_paths: words(form.publicPaths),
    private_paths: words(form.privatePaths),
    answers: form.answers.map(answerOf),
  };
}

/** Whether the status that is typed leads elsewhere. */
export function isRedirect(draft: AnswerDraft): boolean {
  return REDIRECTS.includes(Number(draft.status));
}

function answerOf(draft: AnswerDraft): CannedAnswer {
  const elsewhere = isRedirect(draft);
  return {
    path: draft.path.trim(),
    status: Number(draft.status),
    location: elsewhere ? draft.location.trim() : null,
    content_type: elsewhere || draft.body === "" ? null : draft.contentType,
    body: elsewhere ? "" : draft.body,
  };
}

/** What is wrong by itself: numbers that are none, and parts that are missing. */
export function ruleErrors(form: RulesForm): Record<string, string> {
  const errors: Record<string, string> = {};
  const seconds = Number(form.maintenanceRetry);
  if (form.maintenance && !(Number.isInteger(seconds) && seconds >= 1 && seconds <= 604_800)) {
    errors["policy.maintenance"] = "Write whole seconds, 1 to 604800.";
  }
  for (const [index, draft] of form.answers.entries()) {
    const error = answerError(draft);
    if (error) errors[`policy.answers.${index}`] = error;
  }
  return errors;
}

function answerError(draft: AnswerDraft): string | undefined {
  const status = Number(draft.status);
  if (!draft.path.trim().startsWith("/")) return "Write a path such as /old; / is all of them.";
  if (!(Number.isInteger(status) && status >= 200 && status <= 599 && status !== 304)) {
    return "Write a status from 200 to 599, and not 304.";
  }
  if (isRedirect(draft) && draft.location.trim() === "") return "Write where it leads: a path or a URL.";
  return undefined;
}
