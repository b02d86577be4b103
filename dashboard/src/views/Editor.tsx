// The scripts of the server: read, written, checked while one types, with a mark at each line that has a problem.

import { useEffect, useMemo, useRef, useState } from "react";
import { api } from "../api/client";
import type { Finding, ScriptFile } from "../api/shapes";
import { coloured } from "./colouring";
import { asError, useLoaded } from "./loading";
import { scriptLink } from "./route";
import { Banner, Failure, Loading } from "./states";

/// The pause in typing after which the text is checked.
const CHECK_MS = 400;

const BEGINNING = `// What each user does, again and again.
let options = #{
    load: #{ vus: 10, duration: "30s" },
    think_time: between("100ms", "500ms"),
    tasks: #{ browse: 1 },
    thresholds: #{ http_req_failed: ["rate<0.01"] },
};

fn browse(user) {
    let r = user.get("/");
    check(r, #{ "status is 200": |r| r.status == 200 });
}
`;

interface Props { name: string; scripts: ScriptFile[]; onSaved: () => void }

export function Editor({ name, scripts, onSaved }: Props) {
  const asked = useLoaded(`script ${name}`, () => (name === "" ? Promise.resolve(BEGINNING) : api.readScript(name)), null);
  return (
    <main className="editor-view">
      <section className="run-title">
        <h1>{name === "" ? "A new script" : name}</h1>
        <nav aria-label="Scripts">
          {scripts.map((script) => <a key={script.name} className="tag" href={scriptLink(script.name)} aria-current={script.name === name ? "page" : undefined}>{script.name}</a>)}
          <a className="tag" href={scriptLink("")} aria-current={name === "" ? "page" : undefined}>new …</a>
        </nav>
      </section>
      {asked.value === null && (asked.error ? <Failure error={asked.error} retry={asked.reload} /> : <Loading what="the script" />)}
      {asked.value !== null && <Text name={name} first={asked.value} onSaved={onSaved} />}
    </main>
  );
}

/** What is wrong with a text, asked of the server when typing pauses; null until the first answer. */
function useFindings(text: string): { findings: Finding[] | null; fault: string } {
  const [known, setKnown] = useState<{ findings: Finding[] | null; fault: string }>({ findings: null, fault: "" });
  useEffect(() => {
    let isGone = false;
    const timer = setTimeout(() => api.checkScript(text).then(
      (findings) => { if (!isGone) setKnown({ findings, fault: "" }); },
      (error: unknown) => { if (!isGone) setKnown({ findings: null, fault: `The script cannot be checked: ${asError(error).message}` }); },
    ), CHECK_MS);
    return () => { isGone = true; clearTimeout(timer); };
  }, [text]);
  return known;
}

/** Where a line and a column, counted from 1, are in a text. */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split("\n");
  const before = lines.slice(0, Math.max(0, line - 1)).reduce((sum, row) => sum + row.length + 1, 0);
  return Math.min(text.length, before + Math.min(Math.max(0, column - 1), lines[line - 1]?.length ?? 0));
}

function Text({ name, first, onSaved }: { name: string; first: string; onSaved: () => void }) {
  const [text, setText] = useState(first);
  const [kept, setKept] = useState(name === "" ? "" : first);
  const [fileName, setFileName] = useState(name);
  const [words, setWords] = useState("");
  const [problem, setProblem] = useState("");
  const area = useRef<HTMLTextAreaElement>(null);
  const { findings, fault } = useFindings(text);
  const isChanged = text !== kept;
  useEffect(() => {
    if (!isChanged) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [isChanged]);
  const save = async () => {
    try {
      await api.writeScript(fileName, text);
      setKept(text);
      setProblem("");
      setWords(`Saved ${fileName}.`);
      onSaved();
      if (fileName !== name) location.hash = scriptLink(fileName);
    } catch (error) {
      setProblem(asError(error).message);
    }
  };
  const goTo = (finding: Finding) => {
    const at = offsetOf(text, finding.line, Math.max(1, finding.column));
    area.current?.focus();
    area.current?.setSelectionRange(at, at);
  };
  return (
    <>
      {problem && <Banner words={problem} action={{ label: "Close", run: () => setProblem("") }} />}
      <form className="card editor" aria-label="Script" onSubmit={(event) => { event.preventDefault(); void save(); }}
        onKeyDown={(event) => { if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); void save(); } }}>
        <header>
          {name === "" && (
            <label>Name <input required pattern="[A-Za-z0-9_\\-][A-Za-z0-9._\\-]*\\.rhai" placeholder="my-test.rhai" title="Letters, digits, . _ and -, ending in .rhai"
              value={fileName} onChange={(event) => setFileName(event.target.value)} /></label>
          )}
          <span className="note" role="status">{isChanged ? "not saved" : words || "as it is stored"}</span>
          <span className="grow" />
          <Verdict findings={findings} fault={fault} />
          <button type="submit" className="primary" disabled={!isChanged || fileName === ""}>Save</button>
        </header>
        <Area text={text} findings={findings ?? []} area={area} onChange={setText} />
        {fault && <p className="notice">{fault}</p>}
        <Findings findings={findings ?? []} goTo={goTo} />
      </form>
    </>
  );
}

export function Findings({ findings, goTo }: { findings: Finding[]; goTo: (finding: Finding) => void }) {
  if (findings.length === 0) return null;
  return (
    <ul className="findings" id="findings">
      {findings.map((finding, index) => (
        <li key={index}>
          <button type="button" onClick={() => goTo(finding)}>{finding.line > 0 ? `line ${finding.line}${finding.column > 0 ? `, ${finding.column}` : ""}` : "the script"}</button>
          <span>{finding.message}{finding.hint && <small> {finding.hint}</small>}</span>
        </li>
      ))}
    </ul>
  );
}

function Verdict({ findings, fault }: { findings: Finding[] | null; fault: string }) {
  if (fault) return <b className="word tone-warn">not checked</b>;
  if (findings === null) return <span className="note">checking …</span>;
  if (findings.length === 0) return <b className="word tone-good">ready to run</b>;
  return <b className="word tone-bad">{findings.length === 1 ? "1 problem" : `${findings.length} problems`}</b>;
}

interface AreaProps { text: string; findings: Finding[]; area: React.RefObject<HTMLTextAreaElement | null>; onChange: (text: string) => void }

/** A text area over its own coloured copy: what is typed is plain, what is seen behind it has colours and marks. */
function Area({ text, findings, area, onChange }: AreaProps) {
  const lines = useMemo(() => coloured(text), [text]);
  const problems = new Map(findings.filter((finding) => finding.line > 0).map((finding) => [finding.line, finding.message]));
  return (
    <div className="code" tabIndex={-1}>
      <div className="code-lines" aria-hidden="true">
        {lines.map((parts, index) => {
          const message = problems.get(index + 1);
          return (
            <div key={index} className={message === undefined ? "code-line" : "code-line marked"} title={message}>
              <span className="code-number">{message === undefined ? index + 1 : `● ${index + 1}`}</span>
              <span className="code-text">{parts.map((part, at) => (part.kind ? <span key={at} className={`is-${part.kind}`}>{part.text}</span> : part.text))}{"\n"}</span>
            </div>
          );
        })}
      </div>
      <textarea ref={area} value={text} aria-label="Text of the script" aria-describedby={problems.size > 0 ? "findings" : undefined} aria-invalid={findings.length > 0}
        rows={lines.length} wrap="off" spellCheck={false} autoCapitalize="off" autoCorrect="off" autoComplete="off" onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}
