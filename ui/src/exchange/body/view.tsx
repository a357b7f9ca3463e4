import { useMemo } from "react";
import type { Half } from "@/api/types";
import { Notice } from "@/parts/states";
import { Rows } from "../rows";
import { parseForm } from "./form";
import { HexView } from "./hex-view";
import { ImageView } from "./image-view";
import { parseJson } from "./json";
import { JsonTree } from "./json-tree";
import { type BodyKind, decodeText, essence } from "./kind";
import { MultipartView } from "./multipart-view";
import { PreviewView } from "./preview-view";
import { SourceView } from "./source-view";

export type View = "Tree" | "Form" | "Parts" | "Image" | "Source" | "Preview" | "Hex";

/** The ways to look at a body, the usual one first. */
export const VIEWS: Record<BodyKind, View[]> = {
  empty: [],
  json: ["Tree", "Source", "Hex"],
  form: ["Form", "Source", "Hex"],
  multipart: ["Parts", "Source", "Hex"],
  image: ["Image", "Hex"],
  html: ["Source", "Preview", "Hex"],
  xml: ["Source", "Hex"],
  text: ["Source", "Hex"],
  binary: ["Hex"],
};

/** Captured bytes are hostile: whatever is drawn here is text, a picture, or a frame that can do nothing. */
export function BodyView({ body, half, view }: { body: Uint8Array<ArrayBuffer>; half: Half; view: View }) {
  const text = useMemo(() => decodeText(body, half.charset), [body, half.charset]);
  switch (view) {
    case "Tree":
      return <Tree text={text} truncated={half.truncated} />;
    case "Form":
      return <Rows mono rows={parseForm(text)} />;
    case "Parts":
      return <MultipartView body={body} mediaType={typeWithBoundary(half)} />;
    case "Image":
      return <ImageView body={body} mediaType={half.media_type} />;
    case "Preview":
      return <PreviewView html={text} />;
    case "Hex":
      return <HexView body={body} />;
    case "Source":
      return <SourceView text={text} />;
  }
}

function Tree({ text, truncated }: { text: string; truncated: boolean }) {
  const tree = useMemo(() => parseJson(text), [text]);
  if (tree) return <JsonTree root={tree} />;
  return (
    <>
      <Notice>
        {truncated
          ? "Cut short, it is no whole JSON: here is its text."
          : "It is not valid JSON: here is its text."}
      </Notice>
      <SourceView text={text} />
    </>
  );
}

/** `media_type` may come without parameters; the boundary stands in the header. */
function typeWithBoundary(half: Half): string | null {
  const field = half.fields.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? null;
  return essence(field).startsWith("multipart/") ? field : half.media_type;
}
