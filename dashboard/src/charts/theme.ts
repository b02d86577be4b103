// Dark and light: the system's wish, unless the reader chose. Charts draw on a canvas and have to ask for colours.

import { useSyncExternalStore } from "react";

const KEY = "rhaid-theme";
const listeners = new Set<() => void>();
const system = typeof matchMedia === "function" ? matchMedia("(prefers-color-scheme: dark)") : null;
system?.addEventListener("change", () => { show(wished()); });

export type Theme = "dark" | "light";

function chosen(): Theme | null {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "dark" || kept === "light" ? kept : null;
  } catch {
    // A page from a file may have no storage; then the system decides.
    return null;
  }
}

const wished = (): Theme => chosen() ?? (system?.matches ? "dark" : "light");
let current: Theme = wished();

function show(theme: Theme): void {
  current = theme;
  document.documentElement.dataset["theme"] = theme;
  listeners.forEach((listener) => listener());
}

export function setTheme(theme: Theme): void {
  try { localStorage.setItem(KEY, theme); } catch { /* It holds until the page is closed. */ }
  show(theme);
}

export function startTheme(): void { show(wished()); }

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, () => current);
}

/** The colour behind a name of style.css, as it is now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || "#888";
}
