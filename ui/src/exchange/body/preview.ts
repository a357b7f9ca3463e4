/**
 * A captured page as a document that can do nothing: its own policy loads nothing at all, and the frame
 * that shows it is sandboxed (no scripts, no forms, no navigation of ours).
 */
export function previewDocument(html: string): Blob {
  const guard =
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; form-action 'none'; base-uri 'none'\">" +
    '<meta http-equiv="x-dns-prefetch-control" content="off">' +
    '<meta name="referrer" content="no-referrer">';
  return new Blob([guard, html], { type: "text/html; charset=utf-8" });
}
