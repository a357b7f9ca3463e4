import vocabulary from "@/api/vocabulary.json";

/** One key of the filter language. */
export interface Key {
  name: string;
  help: string;
  /** What may follow, or examples of it. */
  values: readonly string[];
}

/** The filter language's keys, written down by the engine. */
export const KEYS: readonly Key[] = vocabulary;
