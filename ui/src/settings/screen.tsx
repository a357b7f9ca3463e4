export default function Screen(_: { session: unknown }) { return null; }
