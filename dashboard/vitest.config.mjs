// Tests run in jsdom, beside what they test.
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { environment: "jsdom", css: true, setupFiles: ["dev/jsdom.mjs"], include: ["src/**/*.test.{ts,tsx}"] } });
