// The editor: colours that lose nothing, marks where the check found something, saving.
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api } from "../api/client";
import { coloured } from "./colouring";
import { Editor, offsetOf } from "./Editor";

const SCRIPT = "// a \"comment\"\nlet a = `text ${1}\nmore`;\nfn go(user) { 'x'; /* two\nlines */ user.get(\"/fn\", 1_000.5) }";
let place: HTMLElement;
let root: Root;
beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  place = document.body.appendChild(document.createElement("div"));
  root = createRoot(place);
});
afterEach(() => { act(() => root.unmount()); place.remove(); vi.restoreAllMocks(); vi.unstubAllGlobals(); vi.useRealTimers(); });

test("coloured parts are the script again, line by line", () => {
  for (const text of [SCRIPT, "", "\n\n", "\"open", "`open\n", "/* open", "'", "a\\\"b"]) {
    expect(coloured(text).map((line) => line.map((part) => part.text).join("")).join("\n")).toBe(text);
  }
});

test("a word in a text or a comment is no word of the language", () => {
  const of = (kind: string) => coloured(SCRIPT).flat().filter((part) => part.kind === kind).map((part) => part.text);
  expect(of("word")).toEqual(["let", "fn"]);
  expect(of("comment")).toEqual(["// a \"comment\"", "/* two", "lines */"]);
  expect(of("string")).toEqual(["`text ${1}", "more`", "'x'", "\"/fn\""]);
  expect(of("number")).toEqual(["1_000.5"]);
});

test("a place beyond the text is its end", () => {
  expect([offsetOf("ab\ncd", 2, 2), offsetOf("ab\ncd", 1, 9), offsetOf("ab\ncd", 9, 9), offsetOf("ab", 0, 0)]).toEqual([4, 2, 5, 0]);
});

async function open(name: string) {
  await act(async () => { root.render(<Editor name={name} scripts={[{ name: "a.rhai", size: 1, modified_ms: 1 }]} onSaved={() => {}} />); });
  await act(async () => { await vi.advanceTimersByTimeAsync(500); });
}
const area = () => place.querySelector("textarea") as HTMLTextAreaElement;
const button = (text: string) => [...place.querySelectorAll("button")].find((found) => found.textContent === text) as HTMLButtonElement;
async function type(into: HTMLInputElement | HTMLTextAreaElement, text: string) {
  await act(async () => {
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(into), "value")?.set?.call(into, text);
    into.dispatchEvent(new Event("input", { bubbles: true }));
    await vi.advanceTimersByTimeAsync(500);
  });
}

test("each finding marks its line, leads there and says what to do", async () => {
  vi.spyOn(api, "readScript").mockResolvedValue("let a = 1;\nlet b = ;\n");
  vi.spyOn(api, "checkScript").mockResolvedValue([{ line: 2, column: 9, message: "a value is missing", hint: "write one" }, { line: 0, column: 0, message: "no tasks", hint: null }]);
  await open("a.rhai");
  expect([...place.querySelectorAll(".marked .code-number")].map((mark) => mark.textContent)).toEqual(["● 2"]);
  expect([place.textContent?.includes("2 problems"), place.textContent?.includes("a value is missing write one"), area().getAttribute("aria-invalid")]).toEqual([true, true, "true"]);
  act(() => button("line 2, 9").click());
  expect([document.activeElement, area().selectionStart]).toEqual([area(), 19]);
});

test("typing is checked after a pause and once, and saved as it stands", async () => {
  vi.spyOn(api, "readScript").mockResolvedValue("old");
  const check = vi.spyOn(api, "checkScript").mockResolvedValue([]);
  const write = vi.spyOn(api, "writeScript").mockResolvedValue({});
  await open("a.rhai");
  expect([check.mock.calls.length, button("Save").disabled, place.textContent?.includes("ready to run")]).toEqual([1, true, true]);
  await type(area(), "new");
  expect([check.mock.calls.at(-1), button("Save").disabled, place.textContent?.includes("not saved")]).toEqual([["new"], false, true]);
  await act(async () => { button("Save").click(); });
  expect([write.mock.calls, button("Save").disabled, place.textContent?.includes("Saved a.rhai.")]).toEqual([[["a.rhai", "new"]], true, true]);
});

test("what the server refuses to save stays in the editor, with the reason", async () => {
  vi.spyOn(api, "readScript").mockResolvedValue("old");
  vi.spyOn(api, "checkScript").mockRejectedValue(new Error("rhaid does not answer"));
  vi.spyOn(api, "writeScript").mockRejectedValue(new Error("a.rhai cannot be written: the disk is full"));
  await open("a.rhai");
  expect(place.textContent).toContain("not checked");
  await type(area(), "new");
  await act(async () => { button("Save").click(); });
  expect([area().value, button("Save").disabled, place.textContent?.includes("the disk is full")]).toEqual(["new", false, true]);
});
