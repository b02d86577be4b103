// Where in the page the reader is, kept in the part of the address after `#`.

import { useSyncExternalStore } from "react";

export type Route =
  | { view: "home" }
  | { view: "run"; id: string }
  /** `force` compares also runs that are too unlike for a verdict. */
  | { view: "compare"; a: string; b: string; force: boolean }
  /** An empty name is a script that is yet to be written. */
  | { view: "script"; name: string };

export function routeOf(hash: string): Route {
  const parts = hash.replace(/^#\/?/, "").split("/").map(readPart);
  if (parts[0] === "runs" && parts[1]) return { view: "run", id: parts[1] };
  if (parts[0] === "compare" && parts[1] && parts[2]) return { view: "compare", a: parts[1], b: parts[2], force: parts[3] === "anyway" };
  if (parts[0] === "scripts") return { view: "script", name: parts[1] ?? "" };
  return { view: "home" };
}

function readPart(part: string): string {
  try { return decodeURIComponent(part); } catch { return part; }
}

export const runLink = (id: string) => `#/runs/${encodeURIComponent(id)}`;
export const scriptLink = (name: string) => `#/scripts/${encodeURIComponent(name)}`;
export const compareLink = (a: string, b: string, force = false) =>
  `#/compare/${encodeURIComponent(a)}/${encodeURIComponent(b)}${force ? "/anyway" : ""}`;

export function useRoute(): Route {
  const hash = useSyncExternalStore((listener) => {
    addEventListener("hashchange", listener);
    return () => removeEventListener("hashchange", listener);
  }, () => location.hash);
  return routeOf(hash);
}
