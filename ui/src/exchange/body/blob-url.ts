import { useEffect, useState } from "react";

/** A URL for bytes of this page, as long as they are shown. */
export function useBlobUrl(make: () => Blob, key: unknown): string | undefined {
  const [url, setUrl] = useState<string>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says when it is another
  useEffect(() => {
    const made = URL.createObjectURL(make());
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [key]);
  return url;
}
